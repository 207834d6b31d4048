const HEX = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i;

/** Relative luminance of the dialog's background in either theme; see portal.css. */
const SURFACES = { light: 1, dark: 0.0123 };

/** What WCAG asks between a control, or the mark of the focus, and what is beside it. */
const LEAST_CONTRAST = 3;

/** Relative luminance of a colour, as WCAG defines it. */
function luminance([red = 0, green = 0, blue = 0]: number[]): number {
  const linear = (value: number): number => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function contrast(one: number, other: number): number {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

/** Work out the portal's colours from the project's; nothing but a hexadecimal colour gives any. */
export function accentColours(colour: string | undefined): Record<string, string> {
  const parts = HEX.exec(colour ?? "")?.slice(1);
  if (!colour || !parts) {
    return {};
  }
  const own = luminance(parts.map((part) => Number.parseInt(part, 16)));
  // A colour that drowns in the background cannot draw a line on it.
  const line = (surface: number): string =>
    contrast(own, surface) < LEAST_CONTRAST ? "var(--text)" : colour;
  return {
    "--accent": colour,
    "--on-accent": own > 0.179 ? "#000" : "#fff",
    "--line-on-light": line(SURFACES.light),
    "--line-on-dark": line(SURFACES.dark),
  };
}

const PROPERTIES = ["--accent", "--on-accent", "--line-on-light", "--line-on-dark"];

/** Colour the portal as the project wishes. */
export function applyAccent(target: HTMLElement, colour: string | undefined): void {
  const colours = accentColours(colour);
  for (const name of PROPERTIES) {
    target.style.setProperty(name, colours[name] ?? "");
  }
}
