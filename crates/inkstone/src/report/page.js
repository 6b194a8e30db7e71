(function () {
  "use strict";
  var root = document.documentElement, key = "inkstone-language";
  var buttons = document.querySelectorAll("[data-set]");
  function set(language) {
    root.lang = language === "zh" ? "zh-CN" : "en";
    ["alt", "aria-label"].forEach(function (name) {
      document.querySelectorAll("[data-" + name + "-en]").forEach(function (element) {
        element.setAttribute(name, element.getAttribute("data-" + name + "-" + language));
      });
    });
    var title = document.querySelector("title");
    document.title = title.getAttribute("data-" + language);
    buttons.forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.getAttribute("data-set") === language));
    });
  }
  function stored() { try { return localStorage.getItem(key); } catch (error) { return null; } }
  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      var language = button.getAttribute("data-set");
      set(language);
      try { localStorage.setItem(key, language); } catch (error) { /* Not remembered, then. */ }
    });
  });
  set(stored() === "zh" || (stored() === null && /^zh/i.test(navigator.language || "")) ? "zh" : "en");
})();
