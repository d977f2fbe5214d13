"use strict";

/* Pictures of a sentence's sound, all on one scale of time, with a line where the player is. */

function picture(title, meaning, source, frames, longest, alt) {
  const image = source
    ? make("img", {
        src: source,
        alt,
        loading: "lazy",
        decoding: "async",
        width: frames,
        height: 80,
        style: `width: ${(100 * frames) / longest}%`,
      })
    : make("p", { class: "muted", text: "Not recorded." });
  return make(
    "figure",
    {},
    make("figcaption", {}, term(title, meaning)),
    make("div", { class: "image" }, image),
  );
}

/** The mels of dense and of the chosen run, their difference, and the attention if there is one. */
function pictures(index) {
  const run = pictured();
  const [base, own] = [dense()?.sentences[index], run?.sentences[index]];
  const frames = [base?.frames, own?.frames].filter(Boolean);
  if (!frames.length)
    return make(
      "div",
      { class: "pictures" },
      make("p", { class: "muted", text: "No spectrograms were recorded." }),
    );
  const longest = Math.max(...frames);
  const text = voice().sentences[index];
  const shown = [
    base
      ? picture(
          "Dense",
          `Mel spectrogram of the dense network. ${data.scales.mel.text}`,
          base.mel,
          base.frames,
          longest,
          `Mel spectrogram of dense: ${text}`,
        )
      : null,
  ];
  if (own) {
    shown.push(
      picture(
        run.name,
        `Mel spectrogram of this run, speaking freely. ${data.scales.mel.text}`,
        own.mel,
        own.frames,
        longest,
        `Mel spectrogram of ${run.name}: ${text}`,
      ),
    );
    if (base)
      shown.push(
        picture(
          "Difference",
          `The run in the timing of dense, less dense. ${data.scales.difference.text}`,
          own.difference,
          own.difference_frames,
          longest,
          `Difference of ${run.name} to dense: ${text}`,
        ),
      );
    if (own.alignment)
      shown.push(
        picture(
          "Attention",
          `Which symbol each frame of the run attends to. ${data.scales.alignment.text}`,
          own.alignment,
          own.frames,
          longest,
          `Attention of ${run.name}: ${text}`,
        ),
      );
  }
  const seconds = Math.max(...[base, own].map((taken) => taken?.values.seconds ?? 0));
  const seek = (event) => {
    if (event.target.closest("button")) return;
    const box = event.currentTarget.getBoundingClientRect();
    seekTo(index, ((event.clientX - box.left) / box.width) * seconds);
  };
  return make(
    "div",
    { class: "pictures" },
    make(
      "div",
      { class: "stack", "data-seconds": seconds, onclick: seek },
      shown,
      make("div", { class: "playhead", hidden: true, "aria-hidden": "true" }),
    ),
  );
}

/** The colour bars: what the colours of the pictures mean, in dB. */
function drawScales() {
  const bar = (name, title) => {
    const { low, high, unit, css, text } = data.scales[name];
    const sign = (value) =>
      value < 0
        ? `\u2212${-value}`
        : name === "difference" && value > 0
          ? `+${value}`
          : String(value);
    return make(
      "div",
      { class: "scale" },
      term(title, text),
      make("span", { text: sign(low) }),
      make("span", {
        class: "bar",
        style: `background: linear-gradient(to right, ${css})`,
        role: "img",
        "aria-label": `${title}: ${sign(low)} to ${sign(high)} ${unit}`,
      }),
      make("span", { text: `${sign(high)} ${unit}` }),
    );
  };
  find("#scales").replaceChildren(bar("mel", "Mel"), bar("difference", "Difference"));
}
