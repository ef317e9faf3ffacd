/**
 * What the page tells its owner.
 *
 * @typedef {object} Owner
 * @property {(isUrgent: boolean) => void} seen  whether the user can see the page may have changed. isUrgent: the page
 *   runs no timers from now on
 * @property {() => void} hidden    its tab is hidden, and its timers become slow
 * @property {() => void} shown     its tab is in front again
 * @property {() => void} left      it is closed, or the browser stores it and may show it again
 * @property {() => void} restored  the browser shows it again
 * @property {(isFrozen: boolean) => void} frozen  the browser stops it, or lets it run again
 * @property {(isThere: boolean) => void} network
 */

/** Listens to the page, and knows whether the user can see it: picture-in-picture counts. */
export class Page {
  #window;
  #document;
  #owner;
  #listening = new AbortController();
  #isFrozen = false;

  /**
   * @param {{window?: EventTarget, document?: EventTarget & {visibilityState?: string, pictureInPictureElement?: Element|null}}} page
   * @param {Owner} owner
   */
  constructor({ window, document }, owner) {
    this.#window = window;
    this.#document = document;
    this.#owner = owner;
  }

  get isHidden() {
    return this.#document?.visibilityState === "hidden";
  }

  /** Whether the user can see it. Without a page, as in Node.js, it is seen. */
  get isSeen() {
    const floats = this.#document?.pictureInPictureElement || this.#floatingWindows?.window;
    return !this.#isFrozen && (!this.isHidden || Boolean(floats));
  }

  listen() {
    const { hidden, shown, left, restored, network, seen, frozen } = this.#owner;
    this.#on(this.#window, "online", () => network(true));
    this.#on(this.#window, "offline", () => network(false));
    this.#on(this.#window, "pagehide", left);
    this.#on(this.#window, "pageshow", (event) => "persisted" in event && event.persisted && restored());
    this.#on(this.#document, "visibilitychange", () => {
      if (this.isHidden) hidden();
      else shown();
      seen(false);
    });
    for (const [name, isFrozen] of /** @type {[string, boolean][]} */ ([["freeze", true], ["resume", false]])) {
      this.#on(this.#document, name, () => {
        this.#isFrozen = isFrozen;
        seen(isFrozen);
        frozen(isFrozen);
      });
    }
    this.#listenToPictures();
  }

  stop() {
    this.#listening.abort();
  }

  /** Of a video: https://w3c.github.io/picture-in-picture, of a document: https://wicg.github.io/document-picture-in-picture */
  #listenToPictures() {
    const seen = () => this.#owner.seen(false);
    this.#on(this.#document, "enterpictureinpicture", seen);
    this.#on(this.#document, "leavepictureinpicture", seen);
    this.#on(this.#floatingWindows, "enter", (event) => {
      // It has no event of its own for the end; its `window` is null a moment after this one.
      if ("window" in event) this.#on(/** @type {EventTarget} */ (event.window), "pagehide", () => queueMicrotask(seen));
      seen();
    });
  }

  /** @returns {(EventTarget & {window: Window|null})|undefined} */
  get #floatingWindows() {
    return /** @type {any} */ (this.#window)?.documentPictureInPicture;
  }

  /**
   * @param {EventTarget|undefined} target
   * @param {string} name
   * @param {(event: Event) => void} listener
   */
  #on(target, name, listener) {
    target?.addEventListener(name, listener, { signal: this.#listening.signal });
  }
}
