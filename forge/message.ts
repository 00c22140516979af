import { identity } from './commit.ts'
import { cutText, defuse } from './plain-text.ts'

export type MessageInput = {
  title: string
  prompt: string
  taskUrl?: string
  /** Credited as co-author; the author is the person. */
  agent: { name: string; email: string }
}

const MAX_TITLE = 72
const MAX_PROMPT = 4000

/**
 * The commit message: title, prompt, link, co-author line. The prompt is indented, so that none of its lines is a trailer,
 * and defused, since forges act on commit messages too when they reach the default branch.
 */
export function commitMessage({ title, prompt, taskUrl, agent }: MessageInput): string {
  const subject = cutTitle(defuse(title).replace(/\s+/g, ' ').trim()) || 'Change by Drydock'
  const quoted = cutText(defuse(prompt).trim(), MAX_PROMPT).replace(/^(?=.)/gm, '    ')
  const link = taskUrl !== undefined && /^https?:\/\/[\x21-\x7e]+$/.test(taskUrl) ? `Task: ${taskUrl}` : ''
  const coAuthor = `Co-authored-by: ${identity(agent.name, 'Agent')} <${identity(agent.email, 'agent@localhost').replaceAll(' ', '')}>`
  return `${[subject, quoted, link, coAuthor].filter((part) => part !== '').join('\n\n')}\n`
}

function cutTitle(title: string): string {
  return title.length <= MAX_TITLE
    ? title
    : `${title
        .slice(0, MAX_TITLE - 1)
        .toWellFormed()
        .trimEnd()}…`
}
