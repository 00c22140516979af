import { cutText, defuse, visibleText } from './plain-text.ts'

export type PullRequestText = {
  prompt: string
  /** The agent's own words. */
  summary?: string
  taskUrl?: string
  agent: string
  /** Files that other machines run by themselves (R2). */
  flagged: readonly { path: string; why: string }[]
  /** What the agent asked of the network; absent: nothing. */
  network?: NetworkText
}

export type NetworkTotals = { requests: number; denied: number; bytesUp: number; bytesDown: number }
export type NetworkText = NetworkTotals & {
  hosts: readonly {
    host: string | null
    verdict: 'allow' | 'deny'
    count: number
    bytesUp: number
    bytesDown: number
  }[]
  /** What is not named in `hosts`. */
  others: (NetworkTotals & { hosts: number }) | null
}

// Together below GitHub's limit of 65,536 characters, since a cut body could end inside a fence.
const MAX_PROMPT = 15_000
const MAX_SUMMARY = 25_000
const MAX_FLAGGED = 30
const MAX_HOSTS = 20
const MAX_SPAN = 200
/** A fence is longer than any run of backticks in it. */
const MAX_RUN = 60

/**
 * The text of a pull request. What people and agents wrote stands in fences, where a forge reads neither mentions nor
 * issue numbers, closing keywords, HTML or links (R6).
 */
export function pullRequestBody(text: PullRequestText): string {
  const parts = [
    ...(text.flagged.length === 0 ? [] : [flaggedPart(text.flagged)]),
    `**Prompt**\n\n${fence(text.prompt, MAX_PROMPT)}`,
    ...(text.summary === undefined || text.summary.trim() === ''
      ? []
      : [`**Summary by the agent**\n\n${fence(text.summary, MAX_SUMMARY)}`]),
    ...(text.network === undefined ? [] : [networkPart(text.network)]),
    `Made by Drydock with the agent ${codeSpan(text.agent)}.${taskLink(text.taskUrl)}`,
  ]
  return parts.join('\n\n')
}

/** The title of a pull request: one line, at most 200 characters, nothing that a forge acts on. */
export function pullRequestTitle(title: string): string {
  const line = defuse(title).replace(/\s+/g, ' ').trim()
  return cutText(line === '' ? 'Change by Drydock' : line, 200)
}

function flaggedPart(flagged: PullRequestText['flagged']): string {
  const rows = flagged.slice(0, MAX_FLAGGED).map(({ path, why }) => `- ${codeSpan(path)}: ${codeSpan(why)}`)
  const more = flagged.length > MAX_FLAGGED ? [`- and ${flagged.length - MAX_FLAGGED} more`] : []
  return ['**Look at these files first: other machines run them by themselves.**', '', ...rows, ...more].join('\n')
}

/** Names are what the sandbox asked for, so they stand in code spans like everything that it wrote. */
function networkPart({ requests, denied, bytesUp, bytesDown, hosts, others }: NetworkText): string {
  const rows = hosts.slice(0, MAX_HOSTS).map(({ host, verdict, count, ...bytes }) => {
    const name = host === null ? 'names that are none' : codeSpan(host)
    const what = verdict === 'deny' ? `${count} denied` : `${plural(count)}, ${traffic(bytes)}`
    return `- ${name}: ${what}`
  })
  const unnamed = hosts.length - rows.length + (others?.hosts ?? 0)
  const more = unnamed > 0 ? [`- and ${unnamed} more`] : []
  const totals = `${plural(requests)}, ${denied} denied, ${traffic({ bytesUp, bytesDown })}`
  return [`**Network**: ${totals}`, '', ...rows, ...more].join('\n')
}

const plural = (requests: number) => `${requests} ${requests === 1 ? 'request' : 'requests'}`

const traffic = ({ bytesUp, bytesDown }: Pick<NetworkTotals, 'bytesUp' | 'bytesDown'>) =>
  `${kibibytes(bytesUp)} up, ${kibibytes(bytesDown)} down`

const kibibytes = (bytes: number) => (bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`)

function fence(text: string, max: number): string {
  const body = cutText(shortRuns(text), max)
  const marks = '`'.repeat(Math.max(3, longestRun(body) + 1))
  return `${marks}text\n${body}\n${marks}`
}

function codeSpan(text: string): string {
  const body = cutText(shortRuns(text).replace(/[\n\t]/g, ' '), MAX_SPAN)
  const marks = '`'.repeat(longestRun(body) + 1)
  return `${marks} ${body} ${marks}`
}

function shortRuns(text: string): string {
  return visibleText(text).replace(/`+/g, (run) => (run.length > MAX_RUN ? `${run.slice(0, MAX_RUN)}…` : run))
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
}

function taskLink(url: string | undefined): string {
  if (url === undefined || !URL.canParse(url)) return ''
  const { protocol, href } = new URL(url)
  return protocol === 'https:' || protocol === 'http:'
    ? ` [Task](<${href.replace(/[<>\s]/g, encodeURIComponent)}>)`
    : ''
}
