// The switch of languages works without this; here it keeps the reader's place and the choices of charts.
(function () {
  "use strict";
  var pages = document.querySelectorAll(".page");

  // the part of a page that the reader sees, and how far it is from the top
  function place(page) {
    var found = { at: -1, top: 0 };
    page.querySelectorAll("section").forEach(function (section, at) {
      var top = section.getBoundingClientRect().top;
      if (top < innerHeight / 3) { found = { at: at, top: top }; }
    });
    return found;
  }

  function carry(from, to) {
    from.querySelectorAll("figure.chart").forEach(function (figure) {
      var other = to.querySelector('figure.chart[data-chart="' + CSS.escape(figure.dataset.chart) + '"]');
      if (!other) { return; }
      var ours = figure.querySelectorAll("select"), theirs = other.querySelectorAll("select");
      ours.forEach(function (select, i) {
        if (!theirs[i] || theirs[i].selectedIndex === select.selectedIndex) { return; }
        theirs[i].selectedIndex = select.selectedIndex;
        theirs[i].dispatchEvent(new Event("change"));
      });
    });
  }

  var shown = pages[0], kept = { at: -1, top: 0 };
  addEventListener("scroll", function () { kept = place(shown); }, { passive: true });
  document.querySelectorAll("input.language").forEach(function (input) {
    input.addEventListener("change", function () {
      var next = Array.prototype.find.call(pages, function (page) { return page.lang === input.value; });
      var before = kept;
      document.documentElement.lang = next.lang;
      document.title = next.dataset.title;
      carry(shown, next);
      shown = next;
      var section = next.querySelectorAll("section")[before.at];
      if (section) { scrollBy(0, section.getBoundingClientRect().top - before.top); } else { scrollTo(0, 0); }
    });
  });
}());
