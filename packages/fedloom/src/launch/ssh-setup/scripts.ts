/*
 * Scripts for `sh` that ssh-setup runs on hosts. They may be run again: what is there stays.
 */

/** Lets in whoever holds the private key of a public one, `$1`. */
export const ADD_KEY = `
umask 077
mkdir -p ~/.ssh && cd ~/.ssh || exit
touch authorized_keys || exit
grep -qxF "$1" authorized_keys && exit
[ -z "$(tail -c 1 authorized_keys)" ] || echo >> authorized_keys
echo "$1" >> authorized_keys || exit
command -v restorecon >/dev/null && restorecon -R ~/.ssh
exit 0
`.trim();

/** Prints the user's public key there; makes a pair where there is none. */
export const OWN_KEY = `
umask 077
mkdir -p ~/.ssh || exit
[ -f ~/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 </dev/null >&2 || exit
[ -f ~/.ssh/id_ed25519.pub ] || ssh-keygen -y -f ~/.ssh/id_ed25519 > ~/.ssh/id_ed25519.pub || exit
cat ~/.ssh/id_ed25519.pub
`.trim();

/** Logs in from there to each host, \`[-p port] [-l user] -- name\` a parameter, and so takes up its host key; prints whom it could not reach. */
export const GREET = `
for host; do
  ssh -T -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=10 $host true </dev/null >&2 || echo "$host"
done
`.trim();

/** Adds lines \`address name\` to a file of host entries, \`$1\`, for names that the system does not know. */
export const ADD_ENTRIES = `
file=$1
shift
for entry; do
  name=\${entry##* }
  getent hosts "$name" >/dev/null && continue
  [ -w "$file" ] || { echo "$file may not be written by $(id -un)" >&2; exit 1; }
  [ -z "$(tail -c 1 "$file")" ] || echo >> "$file"
  echo "$entry" >> "$file" || exit
  echo "$name"
done
`.trim();
