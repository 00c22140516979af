/** A pull request as Drydock records it. */
export type PullRequest = { number: number; url: string }

export type OpenPullRequest = {
  /** Branch with the commits, on the same repository. */
  head: string
  base: string
  title: string
  body: string
}

/** Where pull requests are opened. Plain git remotes have none. */
export interface Forge {
  /** The default branch and whether the token may push. Rejects with `repository-not-found`, `repository-auth`, `forge-unavailable`, `rate-limited`. */
  lookUp(
    repository: string,
    signal: AbortSignal,
  ): Promise<{ defaultBranch: string; canPush: boolean; cloneUrl: string }>
  /** Opens a pull request, or finds the open one of the same head: a retry never opens a second. */
  openPullRequest(repository: string, input: OpenPullRequest, signal: AbortSignal): Promise<PullRequest>
}
