/** Every word of the page. */

const plural = (n: number, one: string, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

export const texts = {
  name: "Genrewise",
  titles: {
    home: "Genrewise: which genre is it?",
    result: "Result · Genrewise",
    listen: "Microphone · Genrewise",
    models: "Models · Genrewise",
    model: "Model · Genrewise",
    review: "Review · Genrewise",
    label: "Label by ear · Genrewise",
    missing: "Not here · Genrewise",
  },

  shell: {
    skip: "To the content",
    home: "Genrewise, start",
    nav: "Pages",
    models: "Models",
    review: "Review",
    label: "Label",
    light: "Switch to light",
    dark: "Switch to dark",
    privacy: "What you send goes to this server only and is deleted as soon as it is answered.",
    api: "The API behind this page",
  },

  connection: {
    offline: "The server does not answer.",
    busy: "The server is busy.",
    fine: "",
    goesOn: {
      offline: "Nothing is lost; this goes on by itself when it is back.",
      busy: "This goes on by itself when there is room.",
      fine: "",
    },
    next: (s: number) => (s > 0 ? `Next try in ${s} s.` : "Trying …"),
    now: "Try now",
  },

  token: {
    title: "This server asks for a token",
    why: "Whoever runs it can tell you. It is kept until you close the browser.",
    label: "Token",
    go: "Go on",
  },

  errors: {
    unexpected: "Something went wrong that should not have; try again.",
    brokenUpload:
      "The server broke the upload off three times; the file may be larger than it allows.",
    tooLarge: (size: string, most: string) => `This file has ${size}; the server takes up to ${most}.`,
    empty: "This file is empty.",
  },

  home: {
    title: "Which genre is it?",
    lead: "Drop a song. You see its genre and how sure that is, and you hear the seconds that decided.",
    drop: "Drop songs here",
    letGo: "Let go to listen",
    choose: "Choose files",
    microphone: "Use the microphone",
    url: "Paste an address",
    urlLabel: "Address of an audio file",
    urlExample: "https://example.org/song.mp3",
    urlGo: "Listen",
    limits: (size: string, time: string) => {
      const most = [size, time && `${time} h`].filter(Boolean).join(" and ");
      return `mp3, m4a, flac, ogg, wav and about thirty more${most ? `; up to ${most}` : ""}.`;
    },
    samples: "No song at hand?",
    samplesWhy: "Try one of these; they were made by a program for this page.",
  },

  honest: {
    title: "How often is it right?",
    right: (n: number, genres: number) =>
      `of ${plural(n, "track")} it had never heard, with ${genres} genres to choose from and no artist among both the learned and the tested.`,
    interval: (low: string, high: string) => `95 % interval: ${low} to ${high}`,
    unknown: (right: string) => `get “unknown” instead of a guess. Of the rest, ${right} are right.`,
    elsewhere:
      "That is its own collection. On music of other decades and places expect less; the model’s card says how much.",
    more: "Every figure, genre by genre",
  },

  jobs: {
    title: "Your songs",
    done: (done: number, all: number) => (done < all ? `${done} of ${all} done` : plural(all, "song")),
    cancelAll: "Cancel all",
    save: "All as CSV",
    phases: {
      waiting: "Waiting",
      uploading: "Uploading",
      running: "Listening",
      done: "Done",
      cancelled: "Cancelled",
    } as Record<string, string>,
    queued: (position: number) =>
      position > 1 ? `In the queue: ${plural(position - 1, "file")} before this one` : "Next in the queue",
    progress: (name: string) => `Progress of ${name}`,
    cancel: (name: string) => `Cancel ${name}`,
    remove: (name: string) => `Remove ${name}`,
    again: (name: string) => `Try ${name} again`,
    stop: "Cancel",
    tryAgain: "Try again",
    another: "Another song",
  },

  result: {
    back: "All songs",
    unknown: "Unknown",
    sure: (p: string) => `${p} sure`,
    next: (genre: string, p: string) => `Next would be ${genre}, ${p}.`,
    guess: (genre: string, p: string) => `The best guess would be ${genre}, ${p}.`,
    reasons: {
      silent: "There is nothing to hear in it.",
      "low confidence": "No genre is likely enough to be called an answer.",
      "far from the training music": "It sounds like nothing the model has learned from.",
    },
    partial: (lost: number) =>
      `The file is damaged: ${lost < 1 ? "less than a second" : plural(Math.round(lost), "second")} could not be read; the answer is about the rest.`,
    all: (n: number) => `Show all ${n}`,
    fewer: "Show fewer",
    sound: "The sound, over time",
    play: "Play",
    pause: "Pause",
    decided: (start: string, stop: string) => `Decided: ${start}–${stop}`,
    decidedKey: (n: number) => `Play the seconds that decided (key ${n})`,
    position: "Position",
    at: (time: string, all: string) => `${time} of ${all}`,
    timelineIs: "The genre over time:",
    foreign: "This browser cannot play this format; the server could read it all the same.",
    soundGone: "The page was loaded anew, so the sound is not here any more.",
    chooseAgain: "Choose the file again to hear it.",
    nearest: "Sounds most like",
    nearestWhy: "Of the tracks that the model learned from.",
    compare: "A second opinion",
    compareWith: "Model to compare with",
    choose: "Choose a model …",
    compareNeedsFile: "Needs the file, which is not here any more.",
    asking: (model: string) => `Asking ${model}`,
    copy: "Copy link",
    copied: "Copied",
    linkLasts: "Works as long as the server remembers the answer",
    looking: "Looking for the result",
    lost: "This result is gone.",
    lostWhy: "Results are kept for a session only. Drop the song once more to get it anew.",
  },

  facts: {
    title: "How it was answered",
    model: "Model",
    length: "Length",
    heard: "Listened to",
    took: "Took",
    seconds: (s: number) => `${s < 10 ? s.toFixed(1) : Math.round(s)} s`,
    distance: "Distance from the learned music",
  },

  models: {
    interval: (value: string, low: string, high: string) =>
      `${value}, 95 % interval ${low} to ${high}`,
  },

  missing: {
    title: "There is nothing here.",
    home: "To the start",
  },
};
