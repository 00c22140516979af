import { AttemptFailure } from '../failure.ts'
import type { AgentAdapter, AgentImage, AgentRun, Launch, LaunchFile } from './adapter.ts'

export const PROMPT = '/agent-home/.drydock-prompt'

/** Where the key would be, for programs that want one. It opens nothing anywhere: the gateway knows the sandbox by its address. */
export const NO_KEY = 'drydock'

const ENDINGS = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/gif': 'gif', 'image/webp': 'webp' } as const

/** No name of a model begins like an option, or can end a quoted string. */
const MODEL = /^[A-Za-z0-9][\w./:@+[\]-]{0,199}$/

const ASK = `This is a question about the repository. Answer it; your last message is the answer. Do not change any file: all changes are thrown away.

`
const REVIEW = `This is a review. Your last message is the review. Do not change any file: all changes are thrown away.

`
const PREAMBLE: Readonly<Record<AgentRun['mode'], string>> = { ask: ASK, review: REVIEW, code: '' }

/** What an agent with a model needs to begin. */
export type ModelRun = {
  run: AgentRun
  program: string
  gatewayUrl: string
  images: { path: string; image: AgentImage }[]
}

/** Checks what became of the run so far; a machine without the agent or a provider ends here with a sentence. */
export function modelRun(adapter: Pick<AgentAdapter, 'id' | 'sessionId'>, run: AgentRun): ModelRun {
  const { program, gatewayUrl, model, resume } = run
  if (program === undefined)
    throw new AttemptFailure(
      'agent-unavailable',
      `Cannot run agent "${adapter.id}": it is not installed on this machine`,
    )
  if (gatewayUrl === undefined)
    throw new AttemptFailure('model-unavailable', `Cannot run agent "${adapter.id}": it has no way to a model`)
  if (model !== undefined && !MODEL.test(model))
    throw new AttemptFailure(
      'model-unavailable',
      `Cannot run agent "${adapter.id}": "${model.slice(0, 200)}" is no name of a model`,
    )
  if (resume !== undefined && adapter.sessionId?.test(resume.sessionId) !== true)
    throw new AttemptFailure(
      'session-lost',
      `Cannot go on with the session of agent "${adapter.id}": its id is not one of that agent`,
    )
  const images = (run.images ?? []).map((image, i) => ({
    path: `/agent-home/.drydock-image-${i + 1}.${ENDINGS[image.mediaType]}`,
    image,
  }))
  return { run, program, gatewayUrl, images }
}

export const promptOf = ({ mode, prompt }: Pick<AgentRun, 'mode' | 'prompt'>): string => PREAMBLE[mode] + prompt

export const imageFiles = ({ images }: ModelRun): LaunchFile[] =>
  images.map(({ path, image }) => ({ path, content: image.bytes, mode: 0o600 }))

/**
 * The prompt comes by standard input: as an argument it would end at 128 KiB, and one that begins with a dash would be an
 * option. `before` is a constant shell text that runs first.
 */
export function readingPrompt(argv: readonly string[], before = ':'): Launch['argv'] {
  return ['sh', '-c', `${before} && exec "$@" < ${PROMPT}`, 'sh', ...argv]
}
