// Fetches what arrived and keeps the lists current. Every value is put in as text, never as HTML.

const POLL_MS = 1000;
const KEPT_ROWS = 200;
const PROPERTIES_SHOWN = 6;
const KINDS = ["events", "users", "accounts"];

const marks = { epoch: "", event_mark: 0, revision_mark: 0 };
const rows = { events: new Map(), users: new Map(), accounts: new Map() };
let etag = "";
let paused = false;

const find = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function when(milliseconds) {
  const moment = new Date(milliseconds);
  const made = element("time", "when", moment.toLocaleTimeString());
  made.dateTime = moment.toISOString();
  made.title = moment.toLocaleString();
  return made;
}

function propertyList(entries) {
  const list = element("ul", "properties");
  for (const [key, value] of entries) {
    const item = element("li");
    item.append(element("span", "", `${key}: `), String(value));
    list.append(item);
  }
  return list;
}

function properties(values) {
  const entries = Object.entries(values);
  const made = [];
  if (entries.length) made.push(propertyList(entries.slice(0, PROPERTIES_SHOWN)));
  if (entries.length > PROPERTIES_SHOWN) {
    const rest = element("details");
    const hidden = entries.slice(PROPERTIES_SHOWN);
    rest.append(element("summary", "", `${hidden.length} more`), propertyList(hidden));
    made.push(rest);
  }
  return made;
}

const person = (row) => row.identity ?? `anonymous ${row.user_id}`;

const DESCRIBE = {
  events: (row) => ({ title: row.event, who: person(row), at: row.received }),
  users: (row) => ({ title: person(row), who: row.email ?? "", at: row.updated }),
  accounts: (row) => ({ title: row.account_id, who: "", at: row.updated }),
};

function rowElement(kind, row) {
  const { title, who, at } = DESCRIBE[kind](row);
  const line = element("div", "line");
  line.append(element("strong", "", title));
  if (who) line.append(element("span", "who", who));
  line.append(element("span", "who", `App ID ${row.app_id}`), when(at));
  const item = element("li");
  item.append(line, ...properties(row.properties));
  return item;
}

function put(kind, row, fresh) {
  rows[kind].get(row.id)?.remove();
  rows[kind].delete(row.id);
  const item = rowElement(kind, row);
  if (fresh) item.classList.add("fresh");
  rows[kind].set(row.id, item);
  find(`rows-${kind}`).prepend(item);
}

function dropOldest(kind) {
  for (const [id, item] of rows[kind]) {
    if (rows[kind].size <= KEPT_ROWS) break;
    item.remove();
    rows[kind].delete(id);
  }
}

function show(kind, news, fresh) {
  for (const row of news[kind].reverse()) put(kind, row, fresh);
  dropOldest(kind);
  find(`count-${kind}`).textContent = news.totals[kind].toLocaleString();
  find(`nothing-${kind}`).hidden = rows[kind].size > 0;
}

function startAfresh() {
  for (const kind of KINDS) {
    rows[kind].clear();
    find(`rows-${kind}`).replaceChildren();
  }
}

function showFaults(faults) {
  const items = faults.map((fault) => {
    const times = fault.times === null ? "always" : `${fault.times} more`;
    const remove = element("button", "small", "Remove");
    remove.type = "button";
    remove.dataset.fault = fault.id;
    remove.setAttribute("aria-label", `Remove ${fault.kind} on ${fault.path}`);
    const item = element("li");
    item.append(element("span", "", `${fault.kind} on ${fault.path}, ${times}`), remove);
    return item;
  });
  find("waiting").replaceChildren(...items);
}

function showNews(news) {
  const fresh = news.epoch === marks.epoch;
  if (!fresh) startAfresh();
  for (const kind of KINDS) show(kind, news, fresh);
  showFaults(news.faults);
  marks.epoch = news.epoch;
  marks.event_mark = news.event_mark;
  marks.revision_mark = news.revision_mark;
}

function setConnection(status, text) {
  const shown = find("connection");
  if (shown.dataset.status === status) return;
  shown.dataset.status = status;
  shown.textContent = text;
}

async function fetchNews() {
  const query = new URLSearchParams({
    epoch: marks.epoch,
    events_after: marks.event_mark,
    revision_after: marks.revision_mark,
  });
  const headers = etag ? { "If-None-Match": etag } : {};
  const answer = await fetch(`/sandbox/api/live?${query}`, { headers, cache: "no-store" });
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  showNews(await answer.json());
  etag = answer.headers.get("ETag") ?? "";
}

export async function refresh() {
  try {
    await fetchNews();
    setConnection(paused ? "paused" : "live", paused ? "Paused" : "Live");
  } catch {
    setConnection("lost", "Sandbox not reachable, trying again");
  }
}

async function poll() {
  if (!paused && !document.hidden) await refresh();
  setTimeout(poll, POLL_MS);
}

find("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.currentTarget.setAttribute("aria-pressed", String(paused));
  setConnection(paused ? "paused" : "live", paused ? "Paused" : "Live");
});

poll();
