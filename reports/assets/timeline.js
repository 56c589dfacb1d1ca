// Zoom, pan and cross-hair for each timeline. The picture is whole without it.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const STEPS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
  const SHORTEST_S = 0.5;
  const tip = document.getElementById("tip");

  const element = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const milliseconds = (value) => (value === null ? "–" : value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));
  const lastBefore = (rows, at) => {
    let low = 0, high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle][0] <= at) low = middle + 1; else high = middle;
    }
    return low ? rows[low - 1] : null;
  };

  // What the record holds for one moment, as pairs of name and value.
  const readings = (data, at) => {
    const rows = [["time", at.toFixed(2) + " s"]];
    const faults = data.faults.filter(([, start, end]) => start <= at && at <= end).map(([name]) => name);
    if (faults.length) rows.push(["fault", faults.join(", ")]);
    const second = lastBefore(data.seconds, at);
    if (second && at < second[0] + 1) {
      const [, p50, p99, open, ...counts] = second;
      rows.push(["p50, p99", `${milliseconds(p50)}, ${open ? "≥ " : ""}${milliseconds(p99)} ms`]);
      counts.forEach((count, i) => { if (count) rows.push([data.kinds[i], count + " /s"]); });
    }
    for (const [name, parts] of data.lanes) {
      const part = parts.find(([start, end]) => start <= at && at < end);
      if (part) rows.push([name, `${part[2]} (${part[3]})`]);
    }
    for (const [name, unit, points] of data.series) {
      const point = lastBefore(points, at);
      if (point && at < points[points.length - 1][0] + 1) rows.push([name, `${point[1]}${unit && " " + unit}`]);
    }
    return rows;
  };

  const animate = (trial) => {
    const svg = trial.querySelector("svg.stack");
    const data = JSON.parse(trial.querySelector("script.data").textContent);
    const readout = trial.querySelector(".readout");
    const [left, inner, length, top, bottom, unit] =
      ["left", "inner", "length", "top", "bottom", "unit"].map((name) => Number(svg.dataset[name]));
    const plots = [...svg.querySelectorAll("svg.plot")];
    const flags = [...svg.querySelectorAll(".flag")];
    const axis = svg.querySelector(".axis"), cursor = svg.querySelector(".cursor");
    let from = 0, to = length, at = null, drag = null;

    const xOf = (time) => left + ((time - from) / (to - from)) * inner;
    const timeOf = (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) * svg.viewBox.baseVal.width) / box.width;
      return from + ((x - left) / inner) * (to - from);
    };

    const drawAxis = () => {
      const step = STEPS.find((each) => (to - from) / each <= 12) || STEPS[STEPS.length - 1];
      axis.replaceChildren();
      for (let i = Math.ceil(from / step - 1e-9); i * step <= to + 1e-9; i++) {
        const x = xOf(i * step);
        axis.append(
          element("path", { d: `M${x} ${bottom}v5`, stroke: "var(--mut)" }),
          element("text", { x, y: bottom + 18, "text-anchor": "middle", fill: "var(--mut)" }, String(+(i * step).toFixed(2))),
        );
      }
    };
    const show = (start, end) => {
      const width = Math.max(Math.min(SHORTEST_S, length), Math.min(length, end - start));
      from = Math.max(0, Math.min(length - width, start));
      to = from + width;
      for (const plot of plots) plot.setAttribute("viewBox", `${from * unit} 0 ${width * unit} ${plot.getAttribute("height")}`);
      for (const flag of flags) {
        const time = Number(flag.dataset.at), text = flag.firstElementChild;
        const home = left + (time / length) * inner;
        flag.setAttribute("transform", `translate(${Math.max(left, xOf(time)) - home} 0)`);
        text.style.display = time > to || Number(flag.dataset.end) < from ? "none" : "";
      }
      drawAxis();
      if (at !== null) point(at);
    };
    const zoom = (time, factor) => show(time - (time - from) * factor, time + (to - time) * factor);

    const hide = () => { at = null; tip.hidden = true; cursor.replaceChildren(); };
    const point = (time) => {
      at = time;
      cursor.replaceChildren(element("path", { d: `M${xOf(time)} ${top}V${bottom}`, stroke: "var(--fg)", "stroke-dasharray": "2 3" }));
      const rows = readings(data, time);
      tip.replaceChildren(...rows.map(([name, value]) => {
        const row = document.createElement("div"), key = document.createElement("span");
        key.textContent = name;
        row.append(key, value);
        return row;
      }));
      tip.hidden = false;
      return rows;
    };
    const place = (x, y) => {
      const side = x + 16 + tip.offsetWidth > innerWidth ? x - tip.offsetWidth - 16 : x + 16;
      tip.style.left = Math.max(8, side) + "px";
      tip.style.top = Math.max(8, Math.min(y + 14, innerHeight - tip.offsetHeight - 8)) + "px";
    };
    const speak = (time) => {
      const rows = point(time), box = svg.getBoundingClientRect();
      place(box.left + (xOf(time) / svg.viewBox.baseVal.width) * box.width, Math.max(box.top, 0) + 30);
      readout.textContent = rows.map(([name, value]) => `${name} ${value}`).join(" · ");
    };

    svg.addEventListener("pointermove", (event) => {
      const time = timeOf(event);
      if (drag && drag.pan) return show(from + drag.time - time, to + drag.time - time);
      if (drag) {
        const a = Math.max(left, Math.min(xOf(drag.time), xOf(time))), b = Math.min(left + inner, Math.max(xOf(drag.time), xOf(time)));
        cursor.replaceChildren(element("rect", { x: a, y: top, width: Math.max(0, b - a), height: bottom - top, fill: "var(--pass)", "fill-opacity": 0.18 }));
        tip.hidden = true;
        return undefined;
      }
      if (time < from || time > to) return hide();
      point(time);
      return place(event.clientX, event.clientY);
    });
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      if (event.pointerType === "touch") return void speak(Math.max(from, Math.min(to, timeOf(event))));
      drag = { time: timeOf(event), pan: event.shiftKey };
      svg.setPointerCapture(event.pointerId);
      svg.focus({ preventScroll: true });
      event.preventDefault();
    });
    svg.addEventListener("pointerup", (event) => {
      const time = timeOf(event);
      const pixels = drag ? Math.abs(xOf(drag.time) - xOf(time)) : 0;
      if (drag && !drag.pan && pixels > 6) show(Math.min(drag.time, time), Math.max(drag.time, time));
      drag = null;
      hide();
    });
    svg.addEventListener("pointercancel", () => { drag = null; hide(); });
    svg.addEventListener("pointerleave", () => { if (!drag) hide(); });
    svg.addEventListener("blur", hide);
    svg.addEventListener("dblclick", () => show(0, length));
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(timeOf(event), Math.exp(event.deltaY * 0.002));
    }, { passive: false });

    const middle = () => (at !== null && at >= from && at <= to ? at : (from + to) / 2);
    const step = (sign) => speak(Math.max(from, Math.min(to, middle() + (sign * (to - from)) / 90)));
    const keys = {
      "+": () => zoom(middle(), 0.5),
      "=": () => zoom(middle(), 0.5),
      "-": () => zoom(middle(), 2),
      0: () => show(0, length),
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      Escape: hide,
    };
    svg.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const pan = (to - from) / 8;
      if (event.shiftKey && event.key === "ArrowLeft") show(from - pan, to - pan);
      else if (event.shiftKey && event.key === "ArrowRight") show(from + pan, to + pan);
      else if (Object.hasOwn(keys, event.key)) keys[event.key]();
      else return;
      event.preventDefault();
    });
    addEventListener("beforeprint", () => { hide(); show(0, length); });

    svg.setAttribute("role", "application");
    svg.setAttribute("tabindex", "0");
    svg.classList.add("live");
    trial.querySelector(".hint").hidden = false;
  };

  document.querySelectorAll("section.trial").forEach(animate);
})();
