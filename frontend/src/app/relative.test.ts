import { expect, test } from "vitest";
import { relative } from "./relative";

const now = new Date("2026-01-02T12:00:00Z");

test.each([
  ["2026-01-02T11:59:55Z", "just now"],
  ["2026-01-02T11:59:30Z", "30 seconds ago"],
  ["2026-01-02T11:01:00Z", "59 minutes ago"],
  ["2026-01-02T09:00:00Z", "3 hours ago"],
  ["2026-01-01T12:00:00Z", "yesterday"],
  ["2026-01-02T12:30:00Z", "in 30 minutes"],
])("%s is worded as %s", (moment, words) => {
  expect(relative(new Date(moment), now, "en")).toBe(words);
});
