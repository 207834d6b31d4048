import { expect, test } from "vitest";
import { fault } from "./key-form";
import type { Field } from "./update";
import { connectFailure, disconnectFailure, errorText } from "./words";

const answer = JSON.stringify({ message: "Wrong key.", code: "credentials_refused", status: 400 });

test.each([
  ["a plain sentence", "It failed."],
  ["an error", new Error("It failed.")],
  ["an error that holds an answer", new Error(JSON.stringify({ message: "It failed." }))],
  ["a message of the connect window", { error: "x", errorResponse: { message: "It failed." } }],
  ["a message of the connect window without details", { error: "It failed." }],
])("the sentence is found in %s", (_, error) => {
  expect(errorText(error)).toBe("It failed.");
});

test.each([undefined, null, 3, {}, new Error("")])("nothing is made up for %s", (error) => {
  expect(errorText(error)).toBe("");
  expect(connectFailure(error, "Acme").text).toBe("No reason was given. You can try again.");
});

test("a blocked window is explained, other failures are quoted", () => {
  const blocked = connectFailure(new Error("Popup was blocked by the browser."), "Acme");
  expect(blocked.title).toBe("Your browser blocked the window");
  expect(connectFailure(new Error(answer), "Acme")).toMatchObject({
    title: "Acme was not connected",
    text: "Wrong key.",
  });
});

test.each([
  "Failed to fetch",
  "Load failed",
  "NetworkError when attempting to fetch resource.",
])("%s is put into words", (message) => {
  expect(disconnectFailure(new Error(message), "Acme").text).toMatch(/could not be reached/);
});

const field: Field = {
  id: "app_id",
  title: "App ID",
  type: "TEXT_NO_VARS",
  required: true,
  help: "Digits only.",
  placeholder: "",
  pattern: "[0-9]+",
};

test("a field says what is wrong with its value", () => {
  expect(fault(field, "")).toBe("Enter the App ID.");
  expect(fault(field, "12a")).toBe("This does not look like a valid App ID. Digits only.");
  expect(fault(field, "12")).toBe("");
  expect(fault({ ...field, required: false }, "")).toBe("");
});

test("a pattern that the browser cannot read locks nobody out", () => {
  expect(fault({ ...field, pattern: "(" }, "12a")).toBe("");
});
