const HEX = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i;

/** Relative luminance of a colour, as WCAG defines it. */
function luminance([red = 0, green = 0, blue = 0]: number[]): number {
  const linear = (value: number): number => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/** Colour the portal as the project wishes; anything but a hexadecimal colour is ignored. */
export function applyAccent(target: HTMLElement, colour: string | undefined): void {
  const parts = HEX.exec(colour ?? "")?.slice(1);
  target.style.removeProperty("--accent");
  target.style.removeProperty("--on-accent");
  if (colour && parts) {
    const light = luminance(parts.map((part) => Number.parseInt(part, 16))) > 0.179;
    target.style.setProperty("--accent", colour);
    target.style.setProperty("--on-accent", light ? "#000" : "#fff");
  }
}
