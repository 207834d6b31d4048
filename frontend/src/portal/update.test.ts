import { expect, test } from "vitest";
import { connectedSince, isShown, snapshot } from "./phase";
import { readUpdate, type Update } from "./update";

const OAUTH = { id: "oauth", scheme: "oauth", accountDescription: "your login" };
const KEYS = {
  id: "keys",
  scheme: "basic",
  endUserSuppliedValues: [
    { id: "app_id", title: "App ID", type: "TEXT_NO_VARS", tooltip: "Digits." },
  ],
};
const CREDENTIAL = { id: "c1", status: "VALID", dateUpdated: "1", providerId: "acme" };

interface Given {
  credentials?: object[];
  options?: object;
  needPreOauthInputs?: boolean;
  modal?: object;
}

function update({
  credentials = [],
  options = {},
  modal = {},
  ...integration
}: Given = {}): Update {
  const read = readUpdate({
    messageType: "UI_UPDATE",
    nextContext: {
      user: { authenticated: true, integrations: { acme: { allCredentials: credentials } } },
      environments: { CDN_PUBLIC_URL: "https://host.example" },
    },
    nextModalState: {
      integration: {
        id: "i1",
        type: "acme",
        name: "Acme",
        sdkIntegrationConfig: { accountTypes: [OAUTH, KEYS] },
        ...integration,
      },
      config: { description: "Counts things." },
      apiInstallationOptions: options,
      ...modal,
    },
  });
  if (!read) {
    throw new Error("The message was not read.");
  }
  return read;
}

test("anything but an update of the SDK is left alone", () => {
  for (const message of [undefined, null, "UI_UPDATE", 1, [], {}, { messageType: "other" }]) {
    expect(readUpdate(message)).toBeUndefined();
  }
});

test("an update without any of its parts is read as a closed portal", () => {
  const read = readUpdate({ messageType: "UI_UPDATE" });
  expect(read).toMatchObject({ signedIn: false, connector: undefined, credentials: [] });
});

test("the connector is read with its auth modes and their fields", () => {
  const { connector, iconUrl } = update();
  expect(iconUrl).toBe("https://host.example/integrations/acme.svg");
  expect(connector).toMatchObject({ id: "i1", name: "Acme", description: "Counts things." });
  expect(connector?.modes.map((mode) => mode.title)).toEqual(["your login", "account"]);
  expect(connector?.modes[1]?.fields[0]).toMatchObject({
    title: "App ID",
    help: "Digits.",
    required: true,
  });
});

test("a custom connector goes by its slug", () => {
  const custom = { type: "custom", customIntegration: { slug: "custom.acme" } };
  expect(update(custom as Given).connector?.type).toBe("custom.acme");
});

test("only the auth modes that the product asks for are offered", () => {
  const ids = (accountType: unknown): string[] | undefined =>
    update({ options: { accountType } }).connector?.modes.map((mode) => mode.id);
  expect(ids("keys")).toEqual(["keys"]);
  expect(ids(["keys", "oauth"])).toEqual(["oauth", "keys"]);
  expect(ids("unknown")).toEqual(["oauth", "keys"]);
});

test("an account chosen by id or external id is the only one shown", () => {
  const credentials = [CREDENTIAL, { ...CREDENTIAL, id: "c2", externalId: "eu" }];
  const shown = (selectedCredentialId: string): string[] =>
    update({ credentials, options: { selectedCredentialId } }).credentials.map(({ id }) => id);
  expect(shown("c2")).toEqual(["c2"]);
  expect(shown("ext:eu")).toEqual(["c2"]);
});

test("an unknown status counts as one that needs attention", () => {
  expect(update({ credentials: [{ ...CREDENTIAL, status: "?" }] }).credentials[0]?.status).toBe(
    "INVALID",
  );
});

test("a connection in the background stays unseen until there is something to ask", () => {
  const options = { isApiInstallation: true };
  expect(isShown(update({ options }))).toBe(false);
  expect(isShown(update({ options, needPreOauthInputs: true }))).toBe(true);
  expect(isShown(update({ options: {} }))).toBe(true);
});

test("a connection in the background shows the portal afterwards when the product wants it", () => {
  const options = { isApiInstallation: true, showPortalAfterInstall: true };
  expect(isShown(update({ options }))).toBe(false);
  expect(isShown(update({ options, credentials: [CREDENTIAL] }))).toBe(true);
});

test("a new account and a renewed one count as connected, an unchanged one does not", () => {
  const before = snapshot(update({ credentials: [CREDENTIAL] }));
  const after = (credential: object): boolean =>
    connectedSince(before, update({ credentials: [credential] }));
  expect(after(CREDENTIAL)).toBe(false);
  expect(after({ ...CREDENTIAL, dateUpdated: "2" })).toBe(true);
  expect(after({ ...CREDENTIAL, id: "c2" })).toBe(true);
  expect(after({ ...CREDENTIAL, id: "c2", status: "INVALID" })).toBe(false);
});
