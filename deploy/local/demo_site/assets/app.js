// Fills <div id="app" data-content="name"> from /assets/name.json: the page has no text without it.
const node = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

async function show() {
  const app = document.getElementById("app");
  const answer = await fetch(`/assets/${app.dataset.content}.json`);
  const content = await answer.json();
  app.append(node("h1", content.heading), ...content.intro.map((text) => node("p", text)));
  for (const section of content.sections) {
    app.append(node("h2", section.heading), ...section.text.map((text) => node("p", text)));
    if (section.quote) {
      const quote = node("blockquote", section.quote.text);
      quote.append(node("footer", section.quote.by));
      app.append(quote);
    }
    if (section.list) {
      const list = document.createElement("ul");
      list.append(...section.list.map((text) => node("li", text)));
      app.append(list);
    }
  }
}

show();
