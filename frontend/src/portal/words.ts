export interface Notice {
  tone: "good" | "attention" | "bad";
  title: string;
  text: string;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;

function parse(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return message;
  }
}

/** What browsers say when no answer came at all; each has its own words. */
const NO_ANSWER = /^(failed to fetch|load failed|networkerror when attempting.*)$/i;

/** Find the sentence meant for a person in whatever the SDK or the server gave as an error. */
export function errorText(error: unknown): string {
  if (typeof error === "string") {
    const inner = parse(error);
    return typeof inner === "string" ? inWords(inner) : errorText(inner);
  }
  if (error instanceof Error) {
    return errorText(error.message);
  }
  if (isObject(error)) {
    return errorText(error.errorResponse ?? error.message ?? error.error ?? "");
  }
  return "";
}

function inWords(message: string): string {
  return NO_ANSWER.test(message)
    ? "The server could not be reached. See that you are online, then try again."
    : message;
}

/** Word a failure to connect, with what the person can do about it. */
export function connectFailure(error: unknown, connector: string): Notice {
  const text = errorText(error);
  if (/popup was blocked/i.test(text)) {
    return {
      tone: "attention",
      title: "Your browser blocked the window",
      text: `Allow pop-up windows for this site, then try again. ${connector} asks for your consent in a window of its own.`,
    };
  }
  return {
    tone: "bad",
    title: `${connector} was not connected`,
    text: text || "No reason was given. You can try again.",
  };
}

export function disconnectFailure(error: unknown, connector: string): Notice {
  return {
    tone: "bad",
    title: `${connector} was not disconnected`,
    text: errorText(error) || "No reason was given. You can try again.",
  };
}
