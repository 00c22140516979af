import { AttemptFailure } from '../failure.ts'
import type { AgentAdapter, AgentRun, Launch } from './adapter.ts'
import { imageFiles, modelRun, NO_KEY, PROMPT, promptOf, readingPrompt } from './model-launch.ts'
import { createOpencodeParser, OPENCODE_SESSION } from './opencode-events.ts'

const CONFIG = '/agent-home/.drydock-opencode.json'
const DATA = '/agent-home/.local/share'

/** opencode, for providers of chat completions. It reads AGENTS.md itself. */
export const opencodeAgent: AgentAdapter = {
  id: 'opencode',
  wire: 'chat',
  launch,
  parser: createOpencodeParser,
  // The second holds what is not in the first yet.
  keep: ['.local/share/opencode/opencode.db', '.local/share/opencode/opencode.db-wal'],
  sessionId: OPENCODE_SESSION,
  stop: 'SIGTERM',
}

function launch(run: AgentRun): Launch {
  const from = modelRun(opencodeAgent, run)
  const { model } = run
  if (model === undefined)
    throw new AttemptFailure(
      'model-unavailable',
      'Cannot run agent "opencode": no model is named. Name one in the environment or the provider.',
    )
  const argv = [
    from.program,
    'run',
    '--format=json',
    '--thinking',
    ...from.images.map(({ path }) => `--file=${path}`),
    ...(run.resume ? [`--session=${run.resume.sessionId}`] : []),
  ]
  return {
    argv: readingPrompt(argv),
    env: { ...run.variables, ...ENVIRONMENT },
    files: [
      { path: CONFIG, content: JSON.stringify(configOf({ ...from, model, mode: run.mode })), mode: 0o600 },
      { path: PROMPT, content: promptOf(run), mode: 0o600 },
      ...imageFiles(from),
    ],
  }
}

/** Without these it looks for updates, models and language servers in places that no sandbox reaches. */
const ENVIRONMENT = {
  OPENCODE_CONFIG: CONFIG,
  XDG_DATA_HOME: DATA,
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_MODELS_FETCH: '1',
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
  OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
}

function configOf({ gatewayUrl, model, mode }: { gatewayUrl: string; model: string; mode: AgentRun['mode'] }) {
  const name = `drydock/${model}`
  const edit = mode === 'code' ? 'allow' : 'deny'
  return {
    autoupdate: false,
    share: 'disabled',
    model: name,
    small_model: name,
    enabled_providers: ['drydock'],
    provider: {
      drydock: {
        npm: '@ai-sdk/openai-compatible',
        name: 'drydock',
        options: { baseURL: gatewayUrl, apiKey: NO_KEY },
        models: {
          [model]: {
            name: model,
            tool_call: true,
            reasoning: true,
            attachment: true,
            modalities: { input: ['text', 'image'], output: ['text'] },
            limit: { context: 128_000, output: 16_384 },
          },
        },
      },
    },
    // It would ask, and nobody is there to answer; the sandbox is the boundary.
    permission: { edit, bash: 'allow', webfetch: 'allow', external_directory: 'allow' },
  }
}
