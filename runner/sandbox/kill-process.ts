/** Ends a process of this machine if it is still there and may be ended. Who must know looks afterwards. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself, or belongs to a user that this process may not signal.
  }
}
