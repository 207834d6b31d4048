// What the embedding page tells the portal, read defensively from the SDK's UI_UPDATE message.

export interface Field {
  id: string;
  title: string;
  type: string;
  required: boolean;
  help: string;
  placeholder: string;
  pattern: string | undefined;
}

export interface Scope {
  name: string;
  description: string;
}

export interface AuthMode {
  id: string;
  scheme: string;
  title: string;
  description: string;
  fields: Field[];
  scopes: Scope[];
}

export type CredentialStatus = "VALID" | "INVALID" | "PENDING";

export interface Credential {
  id: string;
  status: CredentialStatus;
  label: string;
  reason: string;
  mode: string | undefined;
  changed: string;
}

export interface Connector {
  id: string;
  type: string;
  name: string;
  description: string;
  overview: string;
  accent: string | undefined;
  modes: AuthMode[];
}

export interface Update {
  signedIn: boolean;
  iconUrl: string | undefined;
  connector: Connector | undefined;
  credentials: Credential[];
  failure: unknown;
  /** Open in the background: the host page starts the connection, the portal asks only for what is missing. */
  background: boolean;
  showAfterInstall: boolean;
  severalAccounts: boolean;
  selected: string | undefined;
  externalId: string | undefined;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;
const object = (value: unknown): Json => (isObject(value) ? value : {});
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const optional = (value: unknown): string | undefined => text(value) || undefined;

function readField(raw: Json): Field {
  return {
    id: text(raw.id),
    title: text(raw.title) || text(raw.id),
    type: text(raw.type),
    required: raw.required !== false,
    help: text(raw.tooltip) || text(raw.subtitle),
    placeholder: text(raw.placeholder),
    pattern: optional(raw.regex),
  };
}

function readMode(raw: Json): AuthMode {
  return {
    id: text(raw.id),
    scheme: text(raw.scheme),
    title: text(raw.accountDescription) || "account",
    description: text(raw.description),
    fields: list(raw.endUserSuppliedValues).map(readField),
    scopes: list(raw.scopes).map((scope) => ({
      name: text(scope.name),
      description: text(scope.description),
    })),
  };
}

function readCredential(raw: Json): Credential {
  const status = text(raw.status);
  return {
    id: text(raw.id),
    status: status === "VALID" || status === "PENDING" ? status : "INVALID",
    label: text(raw.accountLabel) || text(raw.externalId) || text(raw.providerId),
    reason: text(raw.statusReason),
    mode: optional(raw.accountType),
    changed: text(raw.dateUpdated),
  };
}

/** Keep the auth modes that the host page asks for, or all when it asks for none that exist. */
function chosenModes(modes: AuthMode[], accountType: unknown): AuthMode[] {
  const wanted = Array.isArray(accountType) ? accountType : [accountType];
  const chosen = modes.filter((mode) => wanted.includes(mode.id));
  return chosen.length > 0 ? chosen : modes;
}

function readConnector(raw: Json, config: Json, accountType: unknown): Connector {
  const type = text(raw.type);
  const slug = text(object(raw.customIntegration).slug);
  const modes = list(object(raw.sdkIntegrationConfig).accountTypes).map(readMode);
  return {
    id: text(raw.id),
    type: type === "custom" && slug ? slug : type,
    name: text(raw.name) || type,
    description: text(config.description),
    overview: text(config.overview),
    accent: optional(config.accentColor),
    modes: chosenModes(modes, accountType),
  };
}

function readCredentials(state: Json, selected: string | undefined): Credential[] {
  const all = list(state.allCredentials);
  const wanted = selected?.replace(/^ext:/, "");
  const chosen = all.filter((raw) => raw.id === wanted || raw.externalId === wanted);
  return (wanted && chosen.length > 0 ? chosen : all).map(readCredential);
}

/** Tell whether the SDK opens the provider's window by itself, without anything from the portal. */
function sdkStarts(raw: Json, options: Json): boolean {
  const mode = object(options.selectedAccountConfig);
  const plain = mode.scheme === "oauth" && list(mode.endUserSuppliedValues).length === 0;
  return raw.needPreOauthInputs !== true || plain;
}

/** Read one UI_UPDATE message; anything else gives undefined. */
export function readUpdate(message: unknown): Update | undefined {
  if (!isObject(message) || message.messageType !== "UI_UPDATE") {
    return undefined;
  }
  const context = object(message.nextContext);
  const modal = object(message.nextModalState);
  const options = object(modal.apiInstallationOptions);
  const user = object(context.user);
  const raw = isObject(modal.integration) ? modal.integration : undefined;
  const connector = raw && readConnector(raw, object(modal.config), options.accountType);
  const state = object(object(user.integrations)[connector?.type ?? ""]);
  const selected = optional(options.selectedCredentialId) ?? optional(modal.selectedCredentialId);
  const cdn = text(object(context.environments).CDN_PUBLIC_URL);
  return {
    signedIn: user.authenticated === true,
    iconUrl: connector && cdn ? `${cdn}/integrations/${connector.type}.svg` : undefined,
    connector,
    credentials: readCredentials(state, selected),
    failure: modal.connectionError,
    background: options.isApiInstallation === true && sdkStarts(raw ?? {}, options),
    showAfterInstall: options.showPortalAfterInstall === true,
    severalAccounts: options.allowMultipleCredentials === true,
    selected,
    externalId: optional(options.externalId),
  };
}
