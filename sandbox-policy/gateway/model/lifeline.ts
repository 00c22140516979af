/** Ends a piece of work for the first of several causes. Timers are of its own, so that it holds nothing once disposed. */
export class Lifeline implements Disposable {
  readonly #controller = new AbortController()
  readonly #releases = new Set<() => void>()

  /** Its reason is the first cause. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The first cause wins. */
  cut(cause: Error): void {
    if (!this.signal.aborted) this.#controller.abort(cause)
  }

  follow(signal: AbortSignal): void {
    const onAbort = () => this.cut(signal.reason as Error)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#releases.add(() => signal.removeEventListener('abort', onAbort))
  }

  /** Cuts after a time, unless the returned function is called before. */
  after(ms: number, cause: () => Error): () => void {
    const timer = setTimeout(() => this.cut(cause()), ms)
    const release = () => {
      clearTimeout(timer)
      this.#releases.delete(release)
    }
    this.#releases.add(release)
    return release
  }

  /** Also undone when this is disposed. */
  add(release: () => void): void {
    this.#releases.add(release)
  }

  [Symbol.dispose](): void {
    for (const release of [...this.#releases]) release()
    this.#releases.clear()
  }
}
