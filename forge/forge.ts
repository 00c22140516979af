import type { ForgeAccount } from '../domain/people/forge-logins.ts'

/** A pull request as Drydock records it. */
export type PullRequest = { number: number; url: string }

export type OpenPullRequest = {
  /** Branch with the commits, on the same repository. */
  head: string
  base: string
  title: string
  body: string
}

/** What an account may do with a repository. `stranger`: the login is nobody's any more, or another account's. */
export type PushRight = 'push' | 'none' | 'stranger'

/** Where pull requests are opened. Plain git remotes have none. */
export interface Forge {
  /** Where it is for people, as in `github.com`. */
  readonly host: string
  /** Whose token it is. Rejects like `lookUp`. */
  account(signal: AbortSignal): Promise<ForgeAccount>
  /** What somebody may do there, asked with the own token. Rejects like `lookUp`. */
  pushRight(repository: string, account: ForgeAccount, signal: AbortSignal): Promise<PushRight>
  /** The default branch and whether the token may push. Rejects with `repository-not-found`, `repository-auth`, `forge-unavailable`, `rate-limited`. */
  lookUp(
    repository: string,
    signal: AbortSignal,
  ): Promise<{ defaultBranch: string; canPush: boolean; cloneUrl: string }>
  /** Opens a pull request, or finds the open one of the same head: a retry never opens a second. */
  openPullRequest(repository: string, input: OpenPullRequest, signal: AbortSignal): Promise<PullRequest>
}

/** A forge on which people link their logins. */
export type LinkingForge = {
  host: Forge['host']
  /** Whose token that is; asks the forge, and keeps nothing. */
  accountOf: (token: string, signal: AbortSignal) => Promise<ForgeAccount>
  /** Undefined in a process that was given no token of its own. */
  pushRight: Forge['pushRight'] | undefined
}
