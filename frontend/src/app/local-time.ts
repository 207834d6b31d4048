import { relative } from "./relative";

const styles: Record<string, Intl.DateTimeFormatOptions> = {
  date: { dateStyle: "medium" },
  datetime: { dateStyle: "medium", timeStyle: "short" },
  seconds: { dateStyle: "medium", timeStyle: "medium" },
};

/** Show the `time` element inside it in the reader's own time zone and language. */
class LocalTime extends HTMLElement {
  connectedCallback(): void {
    const time = this.querySelector("time");
    const moment = new Date(time?.dateTime ?? "");
    if (!time || Number.isNaN(moment.getTime())) {
      return;
    }
    const exact = new Intl.DateTimeFormat(undefined, styles.seconds).format(moment);
    time.title = `${exact} (${time.dateTime} UTC)`;
    time.textContent = this.text(moment);
  }

  private text(moment: Date): string {
    const style = this.dataset.style ?? "datetime";
    return style === "relative"
      ? relative(moment, new Date())
      : new Intl.DateTimeFormat(undefined, styles[style] ?? styles.datetime).format(moment);
  }
}

export function defineLocalTime(): void {
  customElements.define("local-time", LocalTime);
}
