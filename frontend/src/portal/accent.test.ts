import { expect, test } from "vitest";
import { accentColours } from "./accent";

test.each([undefined, "", "red", "#12", "#12345g", "url(x)"])("%s colours nothing", (colour) => {
  expect(accentColours(colour)).toEqual({});
});

test("text on the accent can be read", () => {
  expect(accentColours("#031926")["--on-accent"]).toBe("#fff");
  expect(accentColours("#f59e0b")["--on-accent"]).toBe("#000");
});

test("an accent that drowns in the background is not drawn with", () => {
  const dark = accentColours("#031926");
  expect([dark["--line-on-light"], dark["--line-on-dark"]]).toEqual(["#031926", "var(--text)"]);
  const pale = accentColours("#fff7d6");
  expect([pale["--line-on-light"], pale["--line-on-dark"]]).toEqual(["var(--text)", "#fff7d6"]);
});
