// One pair at a time. Everything that is shown is set as text, never as markup.
"use strict";

const token = document.documentElement.dataset.token;
const get = (id) => document.getElementById(id);
const LABELS = { kind: "All kinds", video: "All videos", split: "All splits", writer: "All writers", decision: "All decisions" };
const STATES = ["accepted", "fixed", "rejected", "undecided"];
const SEARCH_MS = 250; // of no key, before a search is asked for
const LEAD_S = 1.5; // what is seen of the moments before a span
let pair = null;
let busy = false;
let stopAt = null;
let asked = 0; // of several searches under way, the last one counts
let waiting = null;

function address(path, fields) {
  return `${path}?${new URLSearchParams({ ...fields, token })}`;
}

async function ask(path, fields, options) {
  const reply = await fetch(options ? path : address(path, fields), options);
  const told = await reply.json();
  if (!reply.ok) throw new Error(told.error || `status ${reply.status}`);
  return told;
}

function say(text, wrong = false) {
  get("message").textContent = text;
  get("message").classList.toggle("wrong", wrong);
}

function made(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function showProgress(told) {
  for (const state of STATES.slice(0, 3)) {
    get("progress").querySelector(`.${state}`).style.width = `${(100 * told.states[state]) / Math.max(1, told.total)}%`;
  }
  const decided = told.total - told.states.undecided;
  const rest = STATES.slice(0, 3).map((state) => `${told.states[state]} ${state}`).join(", ");
  get("counts").textContent = `${decided} of ${told.total} decided: ${rest}`;
}

function filters() {
  return Object.fromEntries([...get("filters").elements].map((select) => [select.name, select.value]));
}

function makeFilters(found) {
  const lists = { ...found, decision: STATES.map((state) => [state, null]) };
  for (const [name, label] of Object.entries(LABELS)) {
    const select = made("select");
    select.name = name;
    select.setAttribute("aria-label", label);
    select.append(new Option(label, ""));
    for (const [value, count] of lists[name]) select.append(new Option(count === null ? value : `${value} (${count})`, value));
    select.addEventListener("change", () => { select.blur(); move("first"); });
    get("filters").append(select);
  }
  get("filters").prepend(makeSearch());
  get("filters").elements.decision.value = "undecided";
}

function makeSearch() {
  const search = made("input");
  Object.assign(search, { type: "search", name: "text", placeholder: "Search ( / )", maxLength: 200, autocomplete: "off" });
  search.setAttribute("aria-label", "Search in questions and answers");
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => move("first"), SEARCH_MS);
  });
  return search;
}

async function move(step) {
  const turn = ++asked;
  const from = step === "first" || !pair ? "" : pair.pair_id;
  try {
    const told = await ask("/pair", { ...filters(), from, step });
    if (turn !== asked) return;
    showProgress(told);
    if (told.pair) {
      show(told.pair, told);
    } else if (step === "first" || !pair) {
      pair = null;
      get("work").hidden = true;
      get("clip").removeAttribute("src");
      get("empty").hidden = false;
      get("empty").textContent = "No pair is left that these filters let through.";
      enable(false);
    } else {
      say(step === "previous" ? "This is the first." : "This was the last that these filters let through.");
    }
  } catch (error) {
    say(error.message, true);
  }
}

function enable(on) {
  for (const button of document.querySelectorAll("footer button")) button.disabled = !on;
}

function show(next, told) {
  pair = next;
  get("work").hidden = false;
  get("empty").hidden = true;
  enable(true);
  say(`${told.place} of ${told.fitting}`);
  showAbout();
  get("question").textContent = pair.question;
  get("answer").textContent = pair.answer;
  leaveFix();
  get("note").value = pair.review ? pair.review.note : "";
  showKept();
  get("claims").replaceChildren(...(pair.claims.length ? pair.claims : ["nothing in figures"]).map((text) => made("li", text)));
  get("evidence").replaceChildren(...(pair.evidence.length ? pair.evidence.map(evidenceRow) : [noEvidence()]));
  showFrames();
  showClip();
  get("words").scrollTop = 0;
  window.scrollTo(0, 0); // on a narrow screen the page scrolls as a whole
}

function showAbout() {
  const facts = {
    Kind: pair.kind, Video: `${pair.video_id} ${pair.span}`, Split: pair.split, Writer: pair.made_by, Language: pair.language,
    Confidence: pair.confidence === null ? "not told" : pair.confidence.toFixed(2), Pair: pair.pair_id,
  };
  get("about").replaceChildren(...Object.entries(facts).map(([name, value]) => {
    const fact = made("div");
    fact.append(made("dt", name), made("dd", value));
    return fact;
  }));
}

function showKept() {
  const kept = pair.review;
  get("kept").hidden = !kept || !kept.decision;
  get("kept").className = kept ? kept.decision : "";
  if (!kept || !kept.decision) return;
  const by = kept.reviewer ? ` by ${kept.reviewer}` : "";
  const words = kept.decision === "fixed" ? `: ${kept.question} — ${kept.answer}` : "";
  const before = kept.before ? `, ${kept.before} decided before` : "";
  get("kept").textContent = `${kept.decision}${by}${before}${words}`;
}

function noEvidence() {
  const line = made("tr", undefined, "none");
  line.append(made("td", "nothing on record in this span"));
  return line;
}

function evidenceRow(row) {
  const line = made("tr", undefined, row.is_there ? "" : "missing");
  const time = made("td");
  if (row.clock) {
    const button = made("button", row.clock);
    button.type = "button";
    button.addEventListener("click", () => play(row.start_ns / 1e9 - LEAD_S, null));
    time.append(button);
  }
  const text = made("td", row.text);
  text.append(made("small", row.row_id));
  line.append(time, text);
  return line;
}

function showFrames() {
  const figures = pair.frames.map((frame, number) => {
    const figure = made("figure");
    const image = made("img");
    const time = pair.frame_times[number];
    const caption = made("figcaption", time);
    caption.title = frame;
    image.alt = `frame at ${time}`;
    image.addEventListener("click", () => image.classList.toggle("large"));
    image.addEventListener("error", () => { image.hidden = true; caption.textContent = `${time}: not stored here`; });
    image.src = address(`/frame/${pair.pair_id}/${number}`, {});
    figure.append(image, caption);
    return figure;
  });
  get("frames").classList.toggle("one", figures.length === 1);
  get("frames").replaceChildren(...figures);
}

function showClip() {
  const clip = get("clip");
  stopAt = null;
  clip.hidden = !pair.has_clip;
  get("clip_note").hidden = pair.has_clip;
  get("clip_note").textContent = "The video is not stored here.";
  if (pair.has_clip && clip.dataset.video !== pair.video_id) {
    clip.dataset.video = pair.video_id;
    clip.src = address(`/clip/${pair.pair_id}`, {});
  } else if (pair.has_clip) {
    clip.pause();
    clip.currentTime = pair.start_ns / 1e9;
  }
}

function play(from, until) {
  const clip = get("clip");
  if (!pair || !pair.has_clip) return;
  clip.currentTime = Math.max(0, from);
  stopAt = until;
  clip.play().catch((error) => say(`The clip cannot be played: ${error.message}`, true));
}

const playSpan = () => pair && play(pair.start_ns / 1e9 - LEAD_S, pair.end_ns / 1e9);

function enterFix() {
  if (!pair) return;
  const kept = pair.review && pair.review.decision === "fixed" ? pair.review : pair;
  get("new_question").value = kept.question;
  get("new_answer").value = kept.answer;
  get("fix").hidden = false;
  get("edit").lastChild.textContent = " Keep the fix";
  get("new_answer").focus();
}

function leaveFix() {
  get("fix").hidden = true;
  get("edit").lastChild.textContent = " Fix";
  const active = document.activeElement;
  if (active && active.name !== "text") active.blur(); // who types in the search goes on typing
}

async function decide(decision) {
  if (!pair || busy) return;
  busy = true;
  const fixed = decision === "fixed";
  const told = {
    pair_id: pair.pair_id,
    decision,
    question: fixed ? get("new_question").value : "",
    answer: fixed ? get("new_answer").value : "",
    note: get("note").value,
    reviewer: get("reviewer").value,
  };
  try {
    const headers = { "Content-Type": "application/json", "X-Gvlm-Token": token };
    const reply = await ask("/decide", {}, { method: "POST", headers, body: JSON.stringify(told) });
    pair.review = reply.review;
    showProgress(reply);
    showKept();
    leaveFix();
    if (decision === "undecided") say("Taken back.");
    else await move("next");
  } catch (error) {
    say(error.message, true);
  } finally {
    busy = false;
  }
}

const fixOrKeep = () => (get("fix").hidden ? enterFix() : decide("fixed"));
const ACTIONS = {
  a: () => decide("accepted"), e: fixOrKeep, r: () => decide("rejected"), u: () => decide("undecided"), p: playSpan,
  ArrowRight: () => move("next"), ArrowLeft: () => move("previous"), "/": () => search(),
};
const search = () => get("filters").elements.text.focus();
const BUTTONS = {
  accept: ACTIONS.a, edit: fixOrKeep, reject: ACTIONS.r, undo: ACTIONS.u, play: playSpan,
  next: ACTIONS.ArrowRight, previous: ACTIONS.ArrowLeft,
};

document.addEventListener("keydown", (event) => {
  const large = document.querySelector("img.large");
  if (event.target.name === "text" && ["Enter", "Escape"].includes(event.key)) {
    event.target.blur();
  } else if (event.key === "Escape") {
    if (large) large.classList.remove("large");
    else leaveFix();
  } else if (!get("fix").hidden && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    decide("fixed");
  } else if (!event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat && ACTIONS[event.key]) {
    if (["INPUT", "TEXTAREA", "SELECT", "VIDEO"].includes(event.target.tagName)) return;
    event.preventDefault();
    ACTIONS[event.key]();
  }
});
for (const [id, action] of Object.entries(BUTTONS)) get(id).addEventListener("click", action);
for (const id of ["fix", "filters"]) get(id).addEventListener("submit", (event) => event.preventDefault());
get("clip").addEventListener("loadedmetadata", () => { if (pair) get("clip").currentTime = pair.start_ns / 1e9; });
get("clip").addEventListener("timeupdate", () => {
  if (stopAt !== null && get("clip").currentTime >= stopAt) { get("clip").pause(); stopAt = null; }
});
get("clip").addEventListener("error", () => {
  if (!get("clip").getAttribute("src")) return;
  get("clip_note").hidden = false;
  get("clip_note").textContent = "This browser cannot play the video; its frames are there.";
});

ask("/release", {}).then((told) => {
  document.title = `Review of ${told.release}`;
  get("release").textContent = told.release;
  makeFilters(told.filters);
  return move("first");
}).catch((error) => say(error.message, true));
