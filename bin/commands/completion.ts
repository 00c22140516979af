import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'
import { usageError } from '../../cli/errors.ts'
import { SHELLS, completionScript, wordsOf } from '../completion.ts'

/** The command that makes a completion script of all commands. */
export function completionOf(commands: Readonly<Record<string, { load: () => Promise<Command> }>>): Command {
  return defineCommand({
    name: 'completion',
    summary: 'Prints a script with which a shell completes the commands and their options.',
    positionals: ['SHELL'],
    options: {},
    notes: `SHELL is one of ${SHELLS.join(', ')}. Make it anew after an update.`,
    examples: [
      'drydock completion bash > ~/.local/share/bash-completion/completions/drydock',
      'drydock completion zsh > "${fpath[1]}/_drydock"',
      'drydock completion fish > ~/.config/fish/completions/drydock.fish',
    ],
    run: async ({ positionals: [wanted = ''] }, context) => {
      const shell = SHELLS.find((each) => each === wanted)
      if (shell === undefined) {
        throw usageError(`Cannot complete for ${JSON.stringify(wanted)}: it is one of ${SHELLS.join(', ')}`)
      }
      const known: { name: string; flags: readonly string[] }[] = []
      for (const [name, { load }] of Object.entries(commands)) known.push({ name, flags: (await load()).flags })
      context.out.write(completionScript(shell, wordsOf(known)))
      return 0
    },
  })
}
