/** By its path: images such as those of Go and Rust look for programs first in a folder that every user may write. */
export const SHELL = '/bin/sh'
