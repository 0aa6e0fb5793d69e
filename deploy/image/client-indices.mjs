// Which clients a compute node hosts. Pure: what is known of the node goes in, the text for --index comes out.

/**
 * Clients are dealt to the nodes in turn, as ranks are to the hosts of a host file.
 *
 * @param {number} node the node's place among the nodes, from 0
 * @param {number} nodes how many there are
 * @param {number} clients clients of the whole federation
 * @returns {string} for example `1,4,7`
 */
export function indicesOf(node, nodes, clients) {
  if (node >= nodes) {
    throw new Error(
      `This is compute node ${node + 1}, and COMPUTE_NODES says that there are ${nodes}. ` +
        'Set COMPUTE_NODES to their number, or make the containers anew so that they are counted from 1.',
    );
  }
  if (nodes > clients) {
    throw new Error(`${nodes} compute nodes cannot share ${clients} clients: lower COMPUTE_NODES or raise CLIENTS.`);
  }
  const own = [];
  for (let index = node; index < clients; index += nodes) own.push(index);
  return own.join(',');
}

/**
 * A node's place, from 0, by what the platform calls it.
 *
 * @param {string} hostname a pod of a StatefulSet has its ordinal, from 0, at the end: `fedloom-client-2`
 * @param {readonly string[]} names what the network calls the node's addresses. Compose numbers containers from 1:
 *   `fedloom_ComputeNode_3.fedloom_default`, or with `-` in place of `_`
 * @returns {number | undefined}
 */
export function placeOf(hostname, names) {
  const pod = /-(\d+)$/.exec(hostname);
  if (pod) return Number(pod[1]);
  for (const name of names) {
    const container = /[-_](\d+)$/.exec(name.split('.', 1)[0] ?? '');
    if (container && container[1] !== '0') return Number(container[1]) - 1;
  }
  return undefined;
}

/** The name under which DNS keeps what an IPv4 address is called. */
export function reverseName(address) {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
}
