"use strict";
/* Shows the state that the server has, and sends what the person does. Text only ever becomes text, never markup. */

const ACTIONS = {
  typing: "is typing", upload_photo: "is sending a photo", record_video: "is recording a video",
  upload_video: "is sending a video", upload_document: "is sending a file",
};
const ICONS = {
  silent: ["M6 9a6 6 0 0 1 9.5-4.9M18 9c0 4 1.5 6 2 7H9M4 16s2-2 2-7M10 20a2 2 0 0 0 4 0M3 3l18 18"],
  again: ["M4 10a8 8 0 0 1 14-4l2 2M20 4v4h-4M20 14a8 8 0 0 1-14 4l-2-2M4 20v-4h4"],
};
const COMMAND = /(^|\s)(\/[a-z0-9_]{1,32})(?![\w/])/gi;
const NEAR_PX = 120;
let isAtEnd = true;

const at = (id) => document.getElementById(id);
const seen = new Map();      // chat id -> newest message id that was on screen
const notices = new Map();   // chat id -> number of the newest notice shown
const drawn = new Map();     // message id -> {signature, element} of the chat on screen
let state = null;
let current = null;
let shownChat = null;
let isFetching = false;
let isStale = false;
let statusTimer = 0;
let toastTimer = 0;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const line of ICONS[name]) {
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", line);
    svg.append(path);
  }
  return svg;
}

function clock(unixS) {
  return new Date(unixS * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

function day(unixS) {
  const date = new Date(unixS * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? "Today" : date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

function duration(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function summary(message) {
  const words = message.text || message.caption || message.service || "";
  if (!message.media) return words;
  const kind = message.media.kind[0].toUpperCase() + message.media.kind.slice(1);
  return words ? `${kind}: ${words}` : kind;
}

async function post(path, order) {
  try {
    const response = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(order),
    });
    if (!response.ok) toast(await response.text());
  } catch {
    toast("The simulator does not answer.");
  }
}

function say(text) {
  if (current === null || !text.trim()) return;
  isAtEnd = true;
  post("/page/say", { chat: current, text });
}

function toast(text) {
  at("toast").textContent = text;
  at("toast").classList.add("is-shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => at("toast").classList.remove("is-shown"), 3000);
}

/* --- the list of chats --- */

function fillAvatar(element, chat, place) {
  element.className = `avatar tone-${place % 5}`;
  element.textContent = chat.title.split(/\s+/).slice(0, 2).map((word) => [...word][0] || "").join("").toUpperCase();
}

function drawChats() {
  const list = at("chats");
  list.replaceChildren(...state.chats.map((chat, place) => {
    const last = chat.messages.at(-1);
    const row = make("button", "chat");
    row.type = "button";
    row.dataset.chat = chat.id;
    row.setAttribute("aria-current", String(chat.id === current));
    const avatar = make("span");
    fillAvatar(avatar, chat, place);
    const words = make("div");
    words.append(make("div", "name", chat.title), make("div", "preview", last ? summary(last) : "nothing said yet"));
    const meta = make("div", "meta");
    if (last) meta.append(make("span", "when", clock(last.date_unix_s)));
    const unread = chat.messages.filter((m) => m.from === "bot" && m.message_id > (seen.get(chat.id) || 0)).length;
    if (unread && chat.id !== current) meta.append(make("span", "unread", String(unread)));
    row.append(avatar, words, meta);
    row.addEventListener("click", () => { current = chat.id; draw(); at("line").focus(); });
    return row;
  }));
}

/* --- messages --- */

function addWords(parent, text) {
  const words = make("div", "words");
  let from = 0;
  for (const match of text.matchAll(COMMAND)) {
    const start = match.index + match[1].length;
    words.append(text.slice(from, start));
    const command = make("button", "command", match[2]);
    command.type = "button";
    command.addEventListener("click", () => say(match[2]));
    words.append(command);
    from = start + match[2].length;
  }
  words.append(text.slice(from));
  parent.append(words);
}

function mediaFrame(media) {
  if (media.kind === "document") {
    const link = make("a", "document", `${media.file.split("/").at(-1)} · ${size(media.size_bytes)}`);
    link.href = media.url;
    link.download = "";
    return link;
  }
  const frame = make("div", "frame");
  const shown = make(media.kind === "photo" ? "img" : "video");
  if (media.width && media.height) {
    shown.width = media.width;
    shown.height = media.height;
    shown.style.aspectRatio = `${media.width} / ${media.height}`;
  }
  if (media.kind === "photo") {
    shown.alt = "photo";
  } else {
    shown.controls = true;
    shown.preload = "metadata";
    shown.playsInline = true;
    shown.muted = true;
    if (media.kind === "animation") shown.loop = true;
    if (media.poster) shown.poster = media.poster;
  }
  shown.src = media.url;
  frame.append(shown);
  if (!media.uploaded) {
    const badge = make("span", "badge");
    badge.append(icon("again"), "sent again by file id");
    frame.append(badge);
  }
  if (media.kind !== "photo") {
    frame.append(make("span", "clip", `${duration(media.duration_s)} · ${size(media.size_bytes)}`));
  }
  return frame;
}

function keyboard(chat, message) {
  const keys = make("div", "keys");
  for (const texts of message.buttons) {
    const row = make("div", "row");
    for (const text of texts) {
      const key = make("button", "key", text);
      key.type = "button";
      key.addEventListener("click", () =>
        post("/page/press", { chat: chat.id, message: message.message_id, button: text }));
      row.append(key);
    }
    keys.append(row);
  }
  return keys;
}

function foot(message) {
  const line = make("div", "foot");
  if (message.silent) {
    const mark = make("span", "silent");
    mark.title = "sent without a sound";
    mark.append(icon("silent"));
    line.append(mark);
  }
  if (message.edit_date_unix_s) line.append(make("span", "edited", "edited"));
  line.append(make("time", "", clock(message.date_unix_s)));
  return line;
}

function drawMessage(chat, message, isFirst) {
  if (message.service) return make("div", "service", message.service);
  const isMine = message.from === "person";
  const item = make("article", "message");
  item.dataset.message = message.message_id;
  item.classList.toggle("is-mine", isMine);
  item.classList.toggle("is-first", isFirst);
  item.classList.toggle("has-media", Boolean(message.media));
  const bubble = make("div", "bubble");
  if (chat.type !== "private" && isFirst) bubble.append(make("div", "author", message.name));
  const target = message.reply_to && chat.messages.find((other) => other.message_id === message.reply_to);
  if (target) bubble.append(make("div", "quote", summary(target)));
  if (message.media) bubble.append(mediaFrame(message.media));
  const says = make("div", "says");
  if (message.text || message.caption) addWords(says, message.text || message.caption);
  says.append(foot(message));
  bubble.append(says);
  item.append(bubble);
  if (message.buttons) item.append(keyboard(chat, message));
  return item;
}

function drawStream(chat) {
  const stream = at("stream");
  const isOther = shownChat !== chat.id;
  if (isOther) {
    isAtEnd = true;
    drawn.clear();
    shownChat = chat.id;
  }
  const wanted = [];
  const alive = new Set();
  let before = null;
  for (const message of chat.messages) {
    if (!before || day(before.date_unix_s) !== day(message.date_unix_s)) {
      wanted.push(keep(`day-${day(message.date_unix_s)}`, "", alive, () => make("div", "day", day(message.date_unix_s))));
    }
    const isFirst = !before || before.from !== message.from || before.name !== message.name || Boolean(before.service);
    wanted.push(keep(message.message_id, JSON.stringify([message, isFirst]), alive,
      () => drawMessage(chat, message, isFirst)));
    before = message;
  }
  if (!before) wanted.push(make("p", "empty", `Nothing was said yet. Type /start, as ${chat.title} would.`));
  for (const key of drawn.keys()) if (!alive.has(key)) drawn.delete(key);
  place(stream, wanted);
  keepAtEnd();
}

/* Whoever reads the newest message goes on seeing the newest, also when the window or a picture changes its size. */
function keepAtEnd() {
  if (isAtEnd) at("stream").scrollTop = at("stream").scrollHeight;
}

function keep(key, signature, alive, draw) {
  alive.add(key);
  const known = drawn.get(key);
  if (known && known.signature === signature) return known.element;
  const element = draw();
  drawn.set(key, { signature, element });
  return element;
}

/* Only what changed is touched: a video that is taken out and put back stops playing. */
function place(parent, wanted) {
  const kept = new Set(wanted);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] || null);
  });
}

function drawTop(chat, index) {
  at("title").textContent = chat.title;
  fillAvatar(at("avatar"), chat, index);
  const status = at("status");
  clearTimeout(statusTimer);
  status.classList.toggle("is-busy", Boolean(chat.action));
  if (chat.action) {
    status.textContent = `${state.bot.name} ${ACTIONS[chat.action] || "is busy"}`;
    statusTimer = setTimeout(refresh, chat.action_left_s * 1000 + 50);
  } else if (chat.is_cut_off) {
    status.textContent = chat.type === "private" ? `${state.bot.name} is blocked here` : `${state.bot.name} is not here`;
  } else {
    status.textContent = chat.type === "private" ? `chats with ${state.bot.name}` : `${chat.type} with ${state.bot.name}`;
  }
  at("line").disabled = !chat.is_writable;
}

function drawCommands(chat) {
  const line = at("line").value;
  const known = chat && line.startsWith("/") ? chat.commands.filter((c) => `/${c.command}`.startsWith(line)) : [];
  at("commands").hidden = known.length === 0;
  at("commands").replaceChildren(...known.map((command) => {
    const row = make("button");
    row.type = "button";
    row.append(make("b", "", `/${command.command}`), make("span", "", command.description));
    row.addEventListener("click", () => { at("line").value = ""; say(`/${command.command}`); draw(); });
    return row;
  }));
}

function draw() {
  at("bot-name").textContent = state.bot.name;
  at("problems").hidden = state.problems === 0;
  at("problems").textContent = `the bot made ${state.problems} call${state.problems === 1 ? "" : "s"} that Telegram lacks`;
  at("bot-username").textContent = `@${state.bot.username}`;
  if (!state.chats.some((chat) => chat.id === current)) current = state.chats.length ? state.chats[0].id : null;
  const index = state.chats.findIndex((chat) => chat.id === current);
  const chat = state.chats[index];
  if (chat) {
    seen.set(chat.id, chat.messages.length ? chat.messages.at(-1).message_id : 0);
    drawTop(chat, index);
    drawStream(chat);
    if (chat.notice && notices.has(chat.id) && notices.get(chat.id) !== chat.notice_number) toast(chat.notice);
    notices.set(chat.id, chat.notice_number);
  }
  drawCommands(chat);
  drawChats();
}

/* --- staying up to date --- */

async function refresh() {
  isStale = true;
  if (isFetching) return;
  isFetching = true;
  try {
    while (isStale) {
      isStale = false;
      state = await (await fetch("/page/state")).json();
      draw();
    }
  } catch {
    showLink(false);
  } finally {
    isFetching = false;
  }
}

function showLink(isLive) {
  at("link").classList.toggle("is-live", isLive);
  at("link-text").textContent = isLive ? "live" : "not connected";
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  say(at("line").value);
  at("line").value = "";
  if (state) draw();
});
at("line").addEventListener("input", () => state && draw());
for (const moved of ["wheel", "touchmove", "keydown", "pointerup"]) {
  at("stream").addEventListener(moved, () => requestAnimationFrame(() => {
    const stream = at("stream");
    isAtEnd = stream.scrollHeight - stream.scrollTop - stream.clientHeight < NEAR_PX;
  }), { passive: true });
}
new ResizeObserver(keepAtEnd).observe(at("stream"));
at("stream").addEventListener("load", keepAtEnd, true);
at("stream").addEventListener("loadedmetadata", keepAtEnd, true);

const events = new EventSource("/page/events");
events.addEventListener("open", () => showLink(true));
events.addEventListener("error", () => showLink(false));
events.addEventListener("message", refresh);
refresh();
