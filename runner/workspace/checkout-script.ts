import { PRELUDE } from './sandbox-shell.ts'

/** What `git init` would write, for `printf`. */
const core = (bare: boolean) => `[core]\\n\\trepositoryformatversion = 0\\n\\tfilemode = true\\n\\tbare = ${bare}\\n`

/** What the checkout exits with when an earlier one, and set-up after it, have been there. */
export const BEEN_THERE = 10

/**
 * As the agent's user. Has packed refs as a variable or on standard input, with `shallow ID` lines between. Prints `submodule PATH` and
 * `lfs PATH`, and first `same` or `moved` where an earlier checkout was left for this one: then only what differs is
 * touched, or nothing. Times that an image keeps are whole seconds and its inodes are others, so only those count. The
 * objects stay where they are: nothing is copied. Git directories are written by the shell: each program that starts costs
 * more than what it does here.
 */
export const CHECKOUT = `${PRELUDE}
[ -d "$DRYDOCK_WORKSPACE" ] || mkdir "$DRYDOCK_WORKSPACE" || exit 3
cd "$DRYDOCK_WORKSPACE" || exit 3
G="$DRYDOCK_WORKSPACE/.git"
export GIT_DIR="$G" GIT_WORK_TREE="$DRYDOCK_WORKSPACE"
left=
if [ -e "$G" ] || [ -L "$G" ]; then
  if [ "\${DRYDOCK_AGAIN:-}" = 1 ]; then
    rm -f "$G/index.lock" "$G/HEAD.lock" "$G/packed-refs.lock"
    if [ -L "$G" ] || [ ! -d "$G" ] || ! git $C rev-parse --git-dir >/dev/null 2>&1; then rm -rf "$G"; fi
  else
    [ ! -L "$G" ] && [ -f "$G/drydock-left" ] || exit ${BEEN_THERE}
    read -r left < "$G/drydock-left" || exit ${BEEN_THERE}
  fi
fi
FOLDERS="$G/hooks $G/info $G/objects/info $G/objects/pack $G/refs/heads $G/refs/tags $G/refs/remotes/origin"
if [ -n "$left" ]; then
  : > "$G/drydock-left"
  [ ! -e "$G/shallow" ] || rm -f "$G/shallow"
elif [ -d "$G" ]; then
  rm -rf "$G/refs/heads" "$G/refs/remotes" "$G/refs/tags" "$G/shallow" "$G/drydock-left"
  mkdir -p $FOLDERS || exit 3
else
  mkdir -p $FOLDERS || exit 3
  printf '${core(false)}[user]\\n\\tname = Drydock agent\\n\\temail = agent@drydock.invalid\\n' > "$G/config" || exit 3
fi
printf '%s\\n' "$DRYDOCK_OBJECTS" > "$G/objects/info/alternates" || exit 3
if [ -n "\${DRYDOCK_REFS:-}" ]; then printf '%s' "$DRYDOCK_REFS" > "$G/packed-refs"; else cat > "$G/packed-refs"; fi || exit 3
if [ "\${DRYDOCK_SHALLOW:-}" = 1 ]; then
  mv "$G/packed-refs" "$G/drydock-refs" && sed -n 's/^shallow //p' "$G/drydock-refs" > "$G/shallow" &&
    sed '/^shallow /d' "$G/drydock-refs" > "$G/packed-refs" && rm -f "$G/drydock-refs" || exit 3
fi
printf 'ref: refs/remotes/origin/%s\\n' "$DRYDOCK_DEFAULT" > "$G/refs/remotes/origin/HEAD"
printf 'ref: refs/heads/%s\\n' "$DRYDOCK_BRANCH" > "$G/HEAD" || exit 3
C="$C -c filter.lfs.process= -c filter.lfs.smudge= -c filter.lfs.required=false"
if [ -z "$left" ]; then
  if [ "\${DRYDOCK_AGAIN:-}" = 1 ] && [ "\${DRYDOCK_LEAVE:-}" = 1 ]; then
    rm -f "$G/index"
    git $C read-tree "$DRYDOCK_BASE" || exit 3
    git $C update-index -q --refresh >/dev/null 2>&1
  fi
  git $C reset -q --hard "$DRYDOCK_BASE" || exit 3
elif [ "$left" != "$DRYDOCK_BASE" ]; then
  git $C -c core.checkStat=minimal reset -q --hard "$DRYDOCK_BASE" || exit 3
fi
if [ -n "$left" ] && [ "\${DRYDOCK_LEAVE:-}" = 1 ]; then
  git $C update-index -q --refresh >/dev/null 2>&1
  left=moved
fi
if [ "$left" = "$DRYDOCK_BASE" ]; then echo same; elif [ -n "$left" ]; then echo moved; fi
if [ "\${DRYDOCK_PLAIN:-}" = 1 ]; then
  notes=
elif [ "$left" = "$DRYDOCK_BASE" ] && [ -f "$G/drydock-notes" ]; then
  notes=$(cat "$G/drydock-notes")
else
  notes=$(git $C ls-files -s | sed -n -e 's/^160000 [0-9a-f]* 0./submodule /p' -e '/\\.gitattributes$/s/.*/attributes/p')
  case $notes in *attributes*)
    notes="$notes
$(git $C ls-files ':(attr:filter=lfs)' 2>/dev/null | sed 's/^/lfs /' | head -n 20)"
  esac
fi
[ -z "$notes" ] || printf '%s\\n' "$notes"
if [ "\${DRYDOCK_LEAVE:-}" = 1 ]; then
  printf '%s\\n' "$notes" > "$G/drydock-notes" && echo "$DRYDOCK_BASE" > "$G/drydock-left" || exit 3
elif [ -e "$G/drydock-notes" ] || [ -e "$G/drydock-left" ]; then
  rm -f "$G/drydock-notes" "$G/drydock-left"
fi
exit 0
`

/** As root, for a sandbox in which set-up has run: its files become the agent's. */
export const GIVE_TO_AGENT = `${PRELUDE}
find "$DRYDOCK_WORKSPACE" ! -user 1000 -exec chown -h 1000:1000 {} +
`

/**
 * As root: the runner's own git directory, where the agent can neither read nor write. It keeps the index of the checkout
 * so that collecting reads only files that changed; after set-up, which may have touched that index, a new one is made.
 * What an earlier checkout kept is used again, as it is or with the index of this one: nothing but that checkout has run
 * in between.
 */
export const KEEP = `${PRELUDE}
umask 077
export GIT_DIR="$DRYDOCK_GIT_DIR" GIT_WORK_TREE="$DRYDOCK_WORKSPACE" GIT_INDEX_FILE="$DRYDOCK_GIT_DIR/index"
how=\${DRYDOCK_HOW:-}
[ -f "$GIT_INDEX_FILE" ] || how=
if [ -z "$how" ]; then
  [ ! -e "$GIT_DIR" ] || rm -rf "$GIT_DIR"
  mkdir -p "$GIT_DIR/drydock" "$GIT_DIR/info" "$GIT_DIR/objects/info" "$GIT_DIR/objects/pack" "$GIT_DIR/refs" || exit 3
  echo 'ref: refs/heads/main' > "$GIT_DIR/HEAD" || exit 3
  printf '${core(true)}' > "$GIT_DIR/config" || exit 3
fi
printf '%s\\n' "$DRYDOCK_OBJECTS" > "$GIT_DIR/objects/info/alternates" || exit 3
[ ! -e "$GIT_DIR/shallow" ] || rm -f "$GIT_DIR/shallow"
if [ -f "$DRYDOCK_WORKSPACE/.git/shallow" ]; then cp "$DRYDOCK_WORKSPACE/.git/shallow" "$GIT_DIR/shallow" || exit 3; fi
[ "$how" != same ] || exit 0
if [ "$how" != again ] && cp "$DRYDOCK_WORKSPACE/.git/index" "$GIT_INDEX_FILE"; then
  if [ "$how" = moved ] || git $C diff-index --cached --quiet "$DRYDOCK_BASE" --; then exit 0; fi
fi
rm -f "$GIT_INDEX_FILE"
git $C read-tree "$DRYDOCK_BASE" || exit 3
git $C update-index -q --refresh >/dev/null 2>&1
exit 0
`
