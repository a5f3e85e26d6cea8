// Saving without losing anything. A form marked data-guard is sent from the page it stands on: when the connection is lost, or
// the session has ended, that is told on top and what was typed stays. Without JavaScript the same forms are sent as ever.
(() => {
  const unsaved = new Set();
  let shown = location.pathname + location.search;

  // What is told on top of the page; the words stand in the page, in the person's language. What was told of saving stays until
  // one saves again, whatever the parts of the page that ask by themselves meet.
  let aboutSaving = false;
  function tellQuietly(trouble) {
    if (!aboutSaving) tell(trouble);
  }
  function tell(trouble) {
    const place = document.getElementById("troubles");
    place?.replaceChildren(...(trouble ? [document.querySelector(`template[data-trouble="${trouble}"]`).content.cloneNode(true)] : []));
    return Boolean(trouble);
  }

  const begin = () => document.querySelectorAll("form[data-unsaved]").forEach((form) => unsaved.add(form));
  begin();

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-guard]");
    if (!form) return;
    unsaved.add(form);
    document.querySelectorAll("form[data-latest]").forEach((other) => other.removeAttribute("data-latest"));
    form.setAttribute("data-latest", "");
  });
  window.addEventListener("beforeunload", (event) => {
    if ([...unsaved].some((form) => form.isConnected)) event.preventDefault();
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.matches("form[data-guard]") || !window.fetch) return;
    event.preventDefault();
    if (!form.hasAttribute("aria-busy")) send(form, event.submitter);
  });

  async function send(form, submitter) {
    form.setAttribute("aria-busy", "true");
    aboutSaving = tell("");
    try {
      let answer = await post(form, submitter);
      if (answer.status === 403 && (await renewed(form))) answer = await post(form, submitter);
      if (wantsSignIn(answer)) aboutSaving = tell("signed-out");
      else if (answer.ok || [404, 409, 422].includes(answer.status)) await show(answer, form);
      else aboutSaving = tell("refused");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;  // fetch tells a lost connection so
      aboutSaving = tell("lost");
    } finally {
      form.removeAttribute("aria-busy");
    }
  }

  function post(form, submitter) {
    const written = new FormData(form);
    if (submitter?.name) written.append(submitter.name, submitter.value);
    const address = form.getAttribute("action") || location.href.split("#")[0];
    if (form.querySelector("progress")) return upload(form, address, written);
    const body = form.enctype === "multipart/form-data" ? written : new URLSearchParams(written);
    return fetch(address, { method: "POST", body });
  }

  // A file that is sent tells how far it has come, which fetch cannot.
  function upload(form, address, body) {
    const bar = form.querySelector("progress");
    bar.parentElement.hidden = false;
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.upload.onprogress = (event) => event.lengthComputable && (bar.value = event.loaded / event.total);
      request.upload.onload = () => bar.removeAttribute("value");
      request.onload = () => {
        const { status, responseURL: url, responseText } = request;
        resolve({ status, url, ok: status < 300, redirected: url.split("#")[0] !== new URL(address, location.href).href, text: () => responseText });
      };
      request.onerror = () => reject(new TypeError("lost"));
      request.onloadend = () => (bar.parentElement.hidden = true);
      request.open("POST", address);
      request.send(body);
    });
  }

  const wantsSignIn = (answer) =>
    answer.redirected && new URL(answer.url).pathname === new URL(document.body.dataset.signIn, location.href).pathname;

  // Who signed in again meanwhile has another token: this page is asked for it, and the form gets it.
  async function renewed(form) {
    const field = form.querySelector("[name=csrfmiddlewaretoken]");
    const page = parsed(await (await fetch(location.href)).text());
    const token = page.querySelector("[name=csrfmiddlewaretoken]")?.value;
    if (!token || !field) return false;
    document.querySelectorAll("[name=csrfmiddlewaretoken]").forEach((other) => (other.value = token));
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
    return true;
  }

  const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

  // The answer takes the place of the page, at the address it has; the focus goes to what is wrong, or to what was saved.
  async function show(answer, form) {
    const page = parsed(await answer.text());
    const others = [...unsaved].filter((other) => other !== form && other.isConnected && other.dataset.part);
    unsaved.clear();
    const address = new URL(answer.url);
    const lands = answer.redirected && address.pathname === location.pathname ? form.dataset.lands ?? "" : "";
    const elsewhere = address.pathname !== location.pathname;
    const height = elsewhere ? 0 : window.scrollY;
    if (answer.redirected) history[elsewhere ? "pushState" : "replaceState"](null, "", address.href + lands);
    shown = location.pathname + location.search;
    adoptHead(page);
    document.body.replaceWith(document.adoptNode(page.body));
    others.forEach(keep);
    begin();
    window.htmx?.process(document.body);
    document.dispatchEvent(new CustomEvent("paquebot:shown"));
    window.scrollTo(0, height);
    const wrong = document.querySelector(".is-invalid, .note-error[role=alert]");
    const saved = lands && document.querySelector(`${lands} > summary`);
    const focused = wrong ?? saved ?? (elsewhere ? document.querySelector("main") : null);
    if (focused && !focused.matches("input, select, textarea, summary, main")) focused.setAttribute("tabindex", "-1");
    focused?.focus({ preventScroll: focused === saved });
    if (wrong) wrong.scrollIntoView({ block: "center" });
  }

  // What was typed into the other parts of the page is still there, and still unsaved: only its version is the new one's.
  function keep(old) {
    const place = document.querySelector(`form[data-guard][data-part="${old.dataset.part}"]`);
    if (!place) return;
    for (const name of ["version", "made_from", "csrfmiddlewaretoken"]) {
      const [before, now] = [old, place].map((form) => form.querySelector(`[name="${name}"]`));
      if (before && now) before.value = now.value;
    }
    place.closest("details")?.setAttribute("open", "");
    place.replaceWith(old);
    unsaved.add(old);
  }

  function adoptHead(page) {
    document.title = page.title;
    for (const one of page.head.querySelectorAll("link[rel=stylesheet], script[src]")) {
      const [kind, attribute] = one.matches("link") ? ["link", "href"] : ["script", "src"];
      const source = one.getAttribute(attribute);
      if (document.head.querySelector(`[${attribute}="${source}"]`)) continue;
      const made = document.createElement(kind);
      for (const { name, value } of one.attributes) made.setAttribute(name, value);
      document.head.append(made);
    }
  }

  window.addEventListener("popstate", () => {
    if (location.pathname + location.search !== shown) location.reload();
  });

  // Parts that ask by themselves: what fails is told, and what follows a run (data-again) tries again.
  const again = (element) => element.matches?.("[data-again]") && setTimeout(() => window.htmx.trigger(element, "again"), 5000);
  document.addEventListener("htmx:sendError", (event) => {
    tellQuietly("cut");
    again(event.target);
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (status === 401) tellQuietly("signed-out");
    else if (status >= 500) tellQuietly("refused");
    if (status >= 500) again(event.target);
  });
  document.addEventListener("htmx:afterRequest", (event) => event.detail.successful && tellQuietly(""));

  // A field is judged once it was left; the server judges, and says so quietly beside it.
  document.addEventListener("focusout", (event) => event.target.name && (event.target.dataset.left = ""));
  document.addEventListener("change", (event) => event.target.name && (event.target.dataset.left = ""));
  document.addEventListener("paquebot:checked", (event) => {
    const form = event.target.closest("form");
    for (const box of form?.querySelectorAll("[data-errors-of]") ?? []) {
      const controls = [...form.elements].filter((control) => control.name === box.dataset.errorsOf);
      if (controls.some((control) => "left" in control.dataset)) judge(box, controls, event.detail.fields[box.dataset.errorsOf] ?? []);
    }
  });

  function judge(box, controls, errors) {
    const line = (text) => {
      const [paragraph, mark, words] = ["p", "span", "span"].map((kind) => document.createElement(kind));
      mark.className = "error-mark";
      words.textContent = text;
      paragraph.append(mark, words);
      return paragraph;
    };
    box.replaceChildren(...errors.map(line));
    for (const control of controls) {
      control.classList.toggle("is-invalid", errors.length > 0);
      control.setAttribute("aria-invalid", String(errors.length > 0));
    }
  }
})();
