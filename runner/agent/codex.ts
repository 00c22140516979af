import type { AgentAdapter, AgentRun, Launch } from './adapter.ts'
import { CODEX_SESSION, createCodexParser } from './codex-events.ts'
import { imageFiles, modelRun, PROMPT, promptOf, readingPrompt } from './model-launch.ts'

/** Not below /tmp, where codex refuses to put its helpers. */
const HOME = '/agent-home/.codex'
const CONFIG = '/agent-home/.drydock-codex.toml'

/** OpenAI's codex. It reads AGENTS.md itself, and needs no key. */
export const codexAgent: AgentAdapter = {
  id: 'codex',
  wire: 'responses',
  launch,
  parser: createCodexParser,
  // Its databases are made anew from these.
  keep: ['.codex/sessions'],
  sessionId: CODEX_SESSION,
  stop: 'SIGINT',
}

function launch(run: AgentRun): Launch {
  const from = modelRun(codexAgent, run)
  const flags = ['--json', '--skip-git-repo-check', ...from.images.flatMap(({ path }) => ['-i', path])]
  // `-i` takes all that follows for images; "-" is the prompt from standard input.
  const argv = run.resume
    ? [from.program, 'exec', 'resume', ...flags, '--', run.resume.sessionId, '-']
    : [from.program, 'exec', ...flags, '--', '-']
  return {
    argv: readingPrompt(argv, `mkdir -p ${HOME} && rm -rf ${HOME}/config.toml && cp ${CONFIG} ${HOME}/config.toml`),
    env: { ...run.variables, CODEX_HOME: HOME },
    files: [
      { path: CONFIG, content: configOf(from.gatewayUrl, run.model), mode: 0o600 },
      { path: PROMPT, content: promptOf(run), mode: 0o600 },
      ...imageFiles(from),
    ],
  }
}

/**
 * The sandbox is the boundary, so codex brings up none of its own: it could not inside one. Nothing phones home, and a
 * gateway that is away ends the turn instead of being waited for without an end.
 */
function configOf(gatewayUrl: string, model: string | undefined): string {
  return `${model === undefined ? '' : `model = ${JSON.stringify(model)}\n`}model_provider = "drydock"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
web_search = "disabled"

[analytics]
enabled = false

[feedback]
enabled = false

[otel]
exporter = "none"
metrics_exporter = "none"
trace_exporter = "none"

[history]
persistence = "none"

[tools.update_plan]
enabled = true

[features]
unbounded_connection_retries = false
plugins = false
remote_plugin = false
apps = false

[model_providers.drydock]
name = "drydock"
base_url = ${JSON.stringify(gatewayUrl)}
wire_api = "responses"
requires_openai_auth = false
request_max_retries = 2
stream_max_retries = 2
stream_idle_timeout_ms = 300000
supports_websockets = false
`
}
