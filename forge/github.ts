import { Octokit } from '@octokit/rest'
import { setTimeout as delay } from 'node:timers/promises'
import { DrydockError, hasCode } from '../domain/errors.ts'
import type { ForgeAccount } from '../domain/people/forge-logins.ts'
import type { Forge, LinkingForge, OpenPullRequest, PullRequest, PushRight } from './forge.ts'
import { readFailure } from './github-failure.ts'
import type { GitHubFailure } from './github-failure.ts'

export type GitHubOptions = {
  token: string
  /** REST root: https://api.github.com, or https://HOST/api/v3 of GitHub Enterprise Server. */
  baseUrl?: string
  /** Where people look, and where is cloned from. Follows from `baseUrl` where absent. */
  webUrl?: string
  /** A limit that takes longer is told to the caller, which has better things to do than to wait. */
  maxWaitMs?: number
  now?: () => number
  delay?: (ms: number, signal: AbortSignal) => Promise<void>
}

type GitHub = {
  octokit: Octokit
  webUrl: string
  maxWaitMs: number
  now: () => number
  delay: (ms: number, signal: AbortSignal) => Promise<void>
}

type Name = { owner: string; repo: string }
type Call<T> = { action: string; run: (request: { signal: AbortSignal }) => Promise<T> }

const PUBLIC_API = 'https://api.github.com'
const TRIES = 4
const BACKOFF_MS = 500
const MAX_WAIT_MS = 90_000
const REQUEST_TIMEOUT_MS = 30_000
const MAX_REDIRECTS = 3
/** The legacy base roles, which other roles are mapped to, and one that is one since. */
const MAY_PUSH = new Set(['write', 'maintain', 'admin'])

/** Pull requests on GitHub or GitHub Enterprise Server, by token. */
export function createGitHub(options: GitHubOptions): Forge {
  const baseUrl = (options.baseUrl ?? PUBLIC_API).replace(/\/+$/, '')
  const silent = () => undefined
  const github: GitHub = {
    octokit: new Octokit({
      auth: options.token,
      baseUrl,
      userAgent: 'drydock',
      log: { debug: silent, info: silent, warn: silent, error: silent },
      request: { fetch: fetchSameOrigin },
    }),
    webUrl: (options.webUrl ?? webUrlOf(baseUrl)).replace(/\/+$/, ''),
    maxWaitMs: options.maxWaitMs ?? MAX_WAIT_MS,
    now: options.now ?? Date.now,
    delay: options.delay ?? (async (ms, signal) => void (await delay(ms, undefined, { signal }))),
  }
  return {
    host: new URL(github.webUrl).host,
    account: (signal) => ownAccount(github, signal),
    pushRight: (repository, account, signal) => pushRight(github, { repository, account }, signal),
    lookUp: (repository, signal) => lookUp(github, repository, signal),
    openPullRequest: (repository, input, signal) => openPullRequest(github, { repository, ...input }, signal),
  }
}

/** GitHub for linking logins. `token` is the installation's, where this process has it. */
export function linkingGitHub({ token, ...options }: Partial<GitHubOptions>): LinkingForge {
  const withToken = (given: string) => createGitHub({ ...options, token: given })
  const own = withToken(token ?? '')
  return {
    host: own.host,
    accountOf: (given, signal) => withToken(given).account(signal),
    pushRight: token === undefined ? undefined : (...asked) => own.pushRight(...asked),
  }
}

async function ownAccount(github: GitHub, signal: AbortSignal): Promise<ForgeAccount> {
  const run = (request: { signal: AbortSignal }) => github.octokit.rest.users.getAuthenticated({ request })
  const { data } = await withRetries(github, { action: 'look up the owner of the token', run }, signal)
  if (typeof data.login === 'string' && Number.isSafeInteger(data.id)) return { login: data.login, id: data.id }
  throw new DrydockError('forge-unavailable', 'Cannot read the answer of GitHub: it names no account.')
}

type Asked = { repository: string; account: ForgeAccount }

async function pushRight(github: GitHub, { repository, account }: Asked, signal: AbortSignal): Promise<PushRight> {
  const params = { ...parseName(repository), username: account.login }
  const run = (request: { signal: AbortSignal }) =>
    github.octokit.rest.repos.getCollaboratorPermissionLevel({ ...params, request })
  const call = { action: `look up what ${account.login} may do on ${repository}`, run }
  const answer = await withRetries(github, call, signal).catch(async (error: unknown) => {
    if (!hasCode(error, 'repository-not-found')) throw error
    // Either the repository is not there, which this says itself, or the login.
    await lookUp(github, repository, signal)
    return undefined
  })
  if (answer === undefined || answer.data.user?.id !== account.id) return 'stranger'
  return MAY_PUSH.has(answer.data.permission) ? 'push' : 'none'
}

async function lookUp(github: GitHub, repository: string, signal: AbortSignal) {
  const name = parseName(repository)
  const run = (request: { signal: AbortSignal }) => github.octokit.rest.repos.get({ ...name, request })
  const { data } = await withRetries(github, { action: `look up ${repository}`, run }, signal)
  return {
    defaultBranch: data.default_branch,
    canPush: data.permissions?.push === true && !data.archived,
    cloneUrl: `${github.webUrl}/${name.owner}/${name.repo}.git`,
  }
}

type PullInput = OpenPullRequest & { repository: string }

/**
 * GitHub has one open pull request per head and base. After an answer that leaves open whether one was made, and before
 * the first try (an earlier process may have made it), it is looked for by its head.
 */
async function openPullRequest(github: GitHub, input: PullInput, signal: AbortSignal): Promise<PullRequest> {
  const name = parseName(input.repository)
  const action = `open a pull request on ${input.repository}`
  const { head, base, title, body } = input
  let failure: GitHubFailure | undefined
  for (let tries = 0; tries < TRIES; tries++) {
    if (failure !== undefined) await pause(github, { failure, tries }, signal)
    const found = await findOpen(github, input, signal)
    if (found !== undefined) return found
    try {
      const request = { signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) }
      const made = await github.octokit.rest.pulls.create({ ...name, head, base, title, body, request })
      return linkOf(github, input.repository, made.data)
    } catch (error) {
      signal.throwIfAborted()
      failure = failureOf(error, action, github.now())
      if (failure.kind === 'final') throw failure.error
    }
  }
  // The last try, too, may have been carried out.
  const found = failure?.kind === 'wait' ? undefined : await findOpen(github, input, signal)
  if (found !== undefined) return found
  throw failure?.error ?? new Error('no try was made')
}

async function findOpen(github: GitHub, input: PullInput, signal: AbortSignal): Promise<PullRequest | undefined> {
  const name = parseName(input.repository)
  const run = async (request: { signal: AbortSignal }) => {
    const head = `${name.owner}:${input.head}`
    return (
      await github.octokit.rest.pulls.list({ ...name, state: 'open', head, base: input.base, per_page: 100, request })
    ).data
  }
  const open = await withRetries(github, { action: `list pull requests of ${input.repository}`, run }, signal)
  // A server that ignores the filter answers with all of them.
  const same = (full: string | undefined) => full?.toLowerCase() === `${name.owner}/${name.repo}`.toLowerCase()
  // A pull request whose repository was deleted has no head repository, whatever the types say.
  const pull = open.find(
    ({ head, base }) => head.ref === input.head && base.ref === input.base && same(nullable(head.repo)?.full_name),
  )
  return pull === undefined ? undefined : linkOf(github, input.repository, pull)
}

function nullable<T>(value: T): T | null | undefined {
  return value
}

/** For requests that change nothing. */
async function withRetries<T>(github: GitHub, call: Call<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call.run({ signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) })
    } catch (error) {
      signal.throwIfAborted()
      const failure = failureOf(error, call.action, github.now())
      if (failure.kind === 'final' || failure.kind === 'exists' || tries === TRIES) throw failure.error
      await pause(github, { failure, tries }, signal)
    }
  }
}

type Pause = { failure: GitHubFailure; tries: number }

async function pause(github: GitHub, { failure, tries }: Pause, signal: AbortSignal): Promise<void> {
  const ms = failure.kind === 'wait' ? failure.ms : BACKOFF_MS * 2 ** (tries - 1)
  if (ms > github.maxWaitMs) throw failure.error
  await github.delay(ms, signal)
}

function failureOf(error: unknown, action: string, now: number): GitHubFailure {
  // Octokit wraps what its fetch throws.
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof DrydockError) return { kind: 'final', error: cause }
  const { status, response, message } = error as {
    status?: number
    response?: { headers?: Record<string, string> }
    message?: string
  }
  // Octokit reports a broken connection as status 500 without a response.
  const answered = response === undefined ? 0 : (status ?? 0)
  return readFailure({ status: answered, headers: response?.headers ?? {}, message: message ?? '' }, action, now)
}

/** The link people click: GitHub's own if it leads to the configured server, else built from parts. */
function linkOf(github: GitHub, repository: string, pull: { number: number; html_url: string }): PullRequest {
  if (!Number.isSafeInteger(pull.number))
    throw new DrydockError('forge-unavailable', 'Cannot read the answer of GitHub: it has no number.')
  const isOwn = URL.canParse(pull.html_url) && new URL(pull.html_url).origin === new URL(github.webUrl).origin
  return { number: pull.number, url: isOwn ? pull.html_url : `${github.webUrl}/${repository}/pull/${pull.number}` }
}

function parseName(repository: string): Name {
  const [, owner, repo] =
    /^([A-Za-z0-9][A-Za-z0-9-]{0,38})\/(?!\.{1,2}$)([A-Za-z0-9._-]{1,100}?)(?:\.git)?$/.exec(repository) ?? []
  if (owner === undefined || repo === undefined) {
    throw new DrydockError(
      'repository-refused',
      `Cannot use ${JSON.stringify(repository.slice(0, 200))}: a GitHub repository is written owner/name.`,
    )
  }
  return { owner, repo }
}

function webUrlOf(baseUrl: string): string {
  return baseUrl === PUBLIC_API ? 'https://github.com' : new URL(baseUrl).origin
}

/** The token goes to the configured server only. A renamed repository redirects there; other redirects are not followed. */
async function fetchSameOrigin(input: string, init: RequestInit): Promise<Response> {
  let url = input
  for (let hops = 0; ; hops++) {
    const response = await fetch(url, { ...init, redirect: 'manual' })
    const target = response.headers.get('location')
    if (response.status < 300 || response.status === 304 || response.status >= 400 || target === null) return response
    const next = new URL(target, url)
    if (init.method !== 'GET' || next.origin !== new URL(input).origin || hops === MAX_REDIRECTS) {
      throw new DrydockError(
        'repository-not-found',
        'Cannot use the repository: GitHub redirects. Use its present name.',
      )
    }
    url = next.href
  }
}
