import { PRELUDE } from './sandbox-shell.ts'

/**
 * As root, after everything else of the sandbox was killed. Standard output: one line `tree ID`, `large` or `many`; after
 * `tree ID` a pack of what is new against the base, if anything is. Standard error: one line for each path left out, and
 * `nested PATH` for each nested repository. The checkout's own `.git` is not looked at.
 *
 * A folder below /workspace is the agent's to replace: through a link, root would read and remove what is elsewhere.
 * A pipe for .gitignore would hang git for ever. The git directory of a nested repository would make git record a bare
 * commit id, or stop; without it the files are collected like any others.
 */
export const COLLECT = `${PRELUDE}
if [ -L "$DRYDOCK_WORKSPACE" ] || [ ! -d "$DRYDOCK_WORKSPACE" ]; then
  echo "$DRYDOCK_WORKSPACE is not the folder any more that was checked out" >&2
  exit 3
fi
cd "$DRYDOCK_WORKSPACE" || exit 3
export GIT_DIR="$DRYDOCK_GIT_DIR" GIT_WORK_TREE="$DRYDOCK_WORKSPACE" GIT_INDEX_FILE="$DRYDOCK_GIT_DIR/index"
D=$GIT_DIR/drydock
for lock in "$GIT_DIR"/*.lock; do [ ! -e "$lock" ] || rm -f "$lock"; done
[ -d "$D" ] || mkdir -p "$D" || exit 3
[ -f "$GIT_INDEX_FILE" ] || git $C read-tree "$DRYDOCK_BASE" || exit 3

exec 3>&2
find . -path ./.git -prune -o \\
  -name .git -prune -exec sh -c 'for path do printf "nested %s\\n" "\${path#./}" >&3; done; rm -rf "$@"' sh {} + -o \\
  \\( -name .gitignore -o -name .gitattributes -o -name .gitmodules \\) ! -type f ! -type d ! -type l -exec rm -f {} + -o \\
  -type f -size +"$DRYDOCK_MAX_BLOCKS" -print0 2>/dev/null > "$D/found"
exec 3>&-
if [ -s "$D/found" ]; then
  tr '\\n\\0' '?\\n' < "$D/found" | sed 's|^\\./||' > "$D/big"
  git $C ls-files -z -m -o --exclude-standard | tr '\\n\\0' '?\\n' | grep -xF -f "$D/big" > "$D/large" && {
    echo large
    head -n 3 "$D/large" >&2
    exit 0
  }
fi
new=$(git $C ls-files -z -o --exclude-standard | tr -cd '\\0' | wc -c)
if [ "$new" -gt "$DRYDOCK_MAX_ENTRIES" ]; then echo many; exit 0; fi

export GIT_LITERAL_PATHSPECS=1
git $C add -A --ignore-errors . 2> "$D/words"
case $? in
  0 | 1) [ ! -s "$D/words" ] || cat "$D/words" >&2 ;;
  *)
    # One path that git cannot take ended all of it: by groups, then one by one.
    git $C ls-files -z -d -m -o --exclude-standard | xargs -0 -n 100 sh -c '
      git $C add -A --ignore-errors -- "$@" 2>/dev/null ||
        for path do git $C add -A --ignore-errors -- "$path" || [ $? -eq 1 ] || printf "error: %s: git cannot add it\\n" "$path" >&2; done
    ' sh
    ;;
esac
[ "\${DRYDOCK_PLAIN:-}" = 1 ] || git $C ls-files -s | sed -n 's/^160000 [0-9a-f]* 0.//p' | head -n 100 | while read -r path; do
  [ -d "./$path" ] && [ -n "$(ls -A "./$path" | head -n 1)" ] && echo "warning: $path: what is inside a submodule is not collected" >&2
done

tree=$(git $C write-tree) || exit 3
echo "tree $tree"
[ "$tree" != "$DRYDOCK_BASE_TREE" ] || exit 0
git $C diff-tree -r -t --no-renames --no-abbrev --raw "$DRYDOCK_BASE_TREE" "$tree" > "$D/raw" || exit 3
{
  echo "$tree"
  sed -e '/^:[0-7]* 160000 /d' -e '/^:[0-7]* 000000 /d' -e 's/^:[0-7]* [0-7]* [0-9a-f]* \\([0-9a-f]*\\) .*/\\1/' "$D/raw"
} | git $C pack-objects -q --stdout --window=0 || exit 3
`
