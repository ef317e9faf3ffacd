/** The HTTP API, called with a service key: in production your backend does that. */

export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** @param {string} token */
export function makeApi(token) {
  /**
   * @param {string} path
   * @param {object} [body]
   * @param {string} [method]
   * @returns {Promise<any>}
   */
  const call = async (path, body, method = body ? "POST" : "GET") => {
    const response = await fetch(path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    }).catch((error) => {
      throw new Error("The server cannot be reached. Check that it is running.", { cause: error });
    });
    if (!response.ok) throw new ApiError(response.status, refusalText(response.status, await response.json().catch(() => null)));
    return response.json();
  };
  return {
    /** Rejects if the server refuses the token. */
    check: () => call("/online?limit=1"),
    /**
     * This page lets its user watch every resource and know who is there; your backend should list what it allows.
     *
     * @param {string} user_id
     * @param {string} resource
     * @param {string} device
     */
    ticket: (user_id, resource, device) => call("/tickets", { user_id, resource, device, may_watch: "*", may_list: true }),
    /**
     * @param {string} resource
     * @param {number} limit
     */
    online: (resource, limit) => call(`/online?resource=${encodeURIComponent(resource)}&limit=${limit}`),
    /** @param {string} user_id */
    sessions: (user_id) => call(`/sessions?user_id=${encodeURIComponent(user_id)}&limit=20`),
    /** @param {string} user_id */
    connections: (user_id) => call(`/connections?user_id=${encodeURIComponent(user_id)}`),
    /** @param {object} bonus */
    createBonus: (bonus) => call("/bonuses", bonus),
    /** @param {string} bonusId */
    bonus: (bonusId) => call(`/bonuses/${encodeURIComponent(bonusId)}`),
    /** @param {string} bonusId */
    cancelBonus: (bonusId) => call(`/bonuses/${encodeURIComponent(bonusId)}`, undefined, "DELETE"),
  };
}

/**
 * What a refusal means, and what to do.
 *
 * @param {number} status
 * @param {any} body
 * @returns {string}
 */
export function refusalText(status, body) {
  if (status === 401) return "The server refused the key: it was deleted, or it never was one.";
  if (status === 429) return "The server has too many requests now. Try again in a moment.";
  if (status === 503) return `The server cannot answer now: ${body?.detail || "it is overloaded or its database is down"}.`;
  return body?.detail || `The server answered ${status}.`;
}
