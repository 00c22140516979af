import type { AgentAdapter, AgentRun, Launch } from './adapter.ts'
import { CLAUDE_SESSION, createClaudeParser } from './claude-events.ts'
import { modelRun, NO_KEY, PROMPT, promptOf, readingPrompt } from './model-launch.ts'
import type { ModelRun } from './model-launch.ts'

const CONFIG = '/agent-home/.claude'

/** Anthropic's claude-code. It reads CLAUDE.md, and AGENTS.md where there is none. */
export const claudeAgent: AgentAdapter = {
  id: 'claude',
  wire: 'anthropic',
  launch,
  parser: createClaudeParser,
  keep: ['.claude/projects'],
  sessionId: CLAUDE_SESSION,
  stop: 'SIGINT',
}

function launch(run: AgentRun): Launch {
  const from = modelRun(claudeAgent, run)
  const argv = [
    from.program,
    '-p',
    '--input-format=stream-json',
    '--output-format=stream-json',
    '--verbose',
    '--dangerously-skip-permissions',
    ...(run.model === undefined ? [] : [`--model=${run.model}`]),
    ...(run.mode === 'code' ? [] : ['--disallowedTools=Edit,Write,NotebookEdit']),
    ...(run.resume ? [`--resume=${run.resume.sessionId}`] : []),
  ]
  return {
    argv: readingPrompt(argv),
    env: { ...run.variables, ...environmentOf(from) },
    files: [{ path: PROMPT, content: `${JSON.stringify(inputOf(from))}\n`, mode: 0o600 }],
  }
}

function environmentOf({ run: { model }, gatewayUrl }: ModelRun): Record<string, string> {
  return {
    ANTHROPIC_BASE_URL: gatewayUrl.replace(/\/v1\/?$/, ''),
    ANTHROPIC_AUTH_TOKEN: NO_KEY,
    CLAUDE_CONFIG_DIR: CONFIG,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    // By itself it tries ten times, also after a refused key, for minutes.
    CLAUDE_CODE_MAX_RETRIES: '3',
    // It refuses to run as root without being told where it is.
    IS_SANDBOX: '1',
    // Its side jobs would ask for models that the provider may not offer.
    ...(model === undefined ? {} : { ANTHROPIC_DEFAULT_HAIKU_MODEL: model, ANTHROPIC_SMALL_FAST_MODEL: model }),
  }
}

/** A message as claude reads it from standard input, images inside. */
function inputOf({ run, images }: ModelRun) {
  const prompt = promptOf(run)
  // A prompt that begins with a slash would be a command of claude's own.
  const text = prompt.startsWith('/') ? `The task:\n\n${prompt}` : prompt
  const pictures = images.map(({ image }) => ({
    type: 'image',
    source: { type: 'base64', media_type: image.mediaType, data: Buffer.from(image.bytes).toString('base64') },
  }))
  return { type: 'user', message: { role: 'user', content: [{ type: 'text', text }, ...pictures] } }
}
