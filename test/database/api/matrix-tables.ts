// Who may do what, written down by hand: nothing here is taken from what the routes declare.

/**
 * An environment for one group and one collaborator, made by `maker`, who also started a task in it; tasks are visible to
 * all who may use their environment. `custom` is a viewer whose role has `settings.manage` and `members.manage`.
 * `^` is the root, `@` each of the three places where the Codex CLI looks; all other paths are below /api/v1. What is refused for another reason than rights has its status, too.
 */
export const TABLE = `
                                                     nobody revoked disabled viewer maker stranger grouped collab admin owner service reader custom
GET    ^/healthz                                     200    200     200      200    200   200      200     200    200   200   200     200    200
GET    ^/readyz                                      200    200     200      200    200   200      200     200    200   200   200     200    200
GET    ^/metrics                                     401    401     401      403    403   403      403     403    200   200   403     200    200
GET    /healthz                                      200    200     200      200    200   200      200     200    200   200   200     200    200
GET    /readyz                                       200    200     200      200    200   200      200     200    200   200   200     200    200
GET    /metrics                                      401    401     401      403    403   403      403     403    200   200   403     200    200
GET    /openapi.json                                 200    200     200      200    200   200      200     200    200   200   200     200    200
POST   /tasks                                        401    401     401      403    201   404      201     201    201   201   404     403    403
GET    /tasks                                        401    401     401      200    200   200      200     200    200   200   200     200    200
GET    /tasks/{id}                                   401    401     401      404    200   404      200     200    200   200   404     200    404
POST   /tasks/{id}/cancel                            401    401     401      403    200   404      200     200    200   200   404     403    403
POST   /tasks/{id}/turns                             401    401     401      403    409   404      409     409    409   409   404     403    403
GET    /tasks/{id}/events                            401    401     401      404    200   404      200     200    200   200   404     200    404
GET    /attempts/{id}/diff                           401    401     401      404    409   404      409     409    409   409   404     409    404
POST   /attempts/{id}/pull-request                   401    401     401      403    409   404      409     409    409   409   404     403    403
GET    /attempts/{id}/ledger                         401    401     401      404    200   404      200     200    200   200   404     200    404
POST   /environments                                 401    401     401      403    201   403      403     403    201   201   403     403    403
GET    /environments                                 401    401     401      200    200   200      200     200    200   200   200     200    200
GET    /environments/{id}                            401    401     401      404    200   404      200     200    200   200   404     200    404
PATCH  /environments/{id}                            401    401     401      404    200   404      403     200    200   200   404     403    404
DELETE /environments/{id}                            401    401     401      404    409   404      403     403    409   409   404     403    404
GET    /environment-file.schema.json                 401    401     401      200    200   200      200     200    200   200   200     200    200
POST   /environments/{id}/plan                       401    401     401      404    503   404      403     503    503   503   404     403    404
POST   /environments/{id}/apply                      401    401     401      404    503   404      403     503    503   503   404     403    404
GET    /environments/{id}/export                     401    401     401      404    200   404      200     200    200   200   404     200    404
GET    /environments/{id}/cache                      401    401     401      404    200   404      200     200    200   200   404     200    404
GET    /environments/{id}/cache/ledger               401    401     401      404    200   404      200     200    200   200   404     200    404
POST   /environments/{id}/refresh                    401    401     401      404    202   404      403     202    202   202   404     403    404
POST   /environments/{id}/reset-cache                401    401     401      404    200   404      403     200    200   200   404     403    404
GET    /environments/{id}/secrets                    401    401     401      404    200   404      200     200    200   200   404     200    404
PUT    /environments/{id}/secrets/{name}             401    401     401      404    200   404      403     200    200   200   404     403    404
DELETE /environments/{id}/secrets/{name}             401    401     401      404    204   404      403     204    204   204   404     403    404
POST   /repositories/inspect                         401    401     401      403    503   403      403     403    503   503   403     403    403
GET    /repositories                                 401    401     401      200    200   200      200     200    200   200   200     200    200
POST   /providers                                    401    401     401      403    403   403      403     403    201   201   403     403    201
GET    /providers                                    401    401     401      403    403   403      403     403    200   200   403     200    200
GET    /providers/{name}                             401    401     401      403    403   403      403     403    200   200   403     200    200
PATCH  /providers/{name}                             401    401     401      403    403   403      403     403    200   200   403     403    200
DELETE /providers/{name}                             401    401     401      403    403   403      403     403    204   204   403     403    204
GET    /credentials                                  401    401     401      403    403   403      403     403    200   200   403     200    200
PUT    /credentials/{name}                           401    401     401      403    403   403      403     403    200   200   403     403    200
DELETE /credentials/{name}                           401    401     401      403    403   403      403     403    204   204   403     403    204
POST   /keys/rewrap                                  401    401     401      403    403   403      403     403    200   200   403     403    200
GET    /settings                                     401    401     401      403    403   403      403     403    200   200   403     200    200
PATCH  /settings                                     401    401     401      403    403   403      403     403    200   200   403     403    200
POST   /tokens                                       401    401     401      201    201   201      201     201    201   201   201     403    201
GET    /tokens                                       401    401     401      200    200   200      200     200    200   200   200     200    200
DELETE /tokens/{id}                                  401    401     401      404    204   404      404     404    404   404   404     403    404
GET    @/environments                                401    401     401      200    200   200      200     200    200   200   200     200    200
GET    @/environments/by-repo/github/{owner}/{repo}  401    401     401      200    200   200      200     200    200   200   200     200    200
GET    @/tasks/list                                  401    401     401      200    200   200      200     200    200   200   200     200    200
POST   @/tasks                                       401    401     401      403    200   404      200     200    200   200   404     403    403
GET    @/tasks/{id}                                  401    401     401      404    200   404      200     200    200   200   404     200    404
GET    @/tasks/{id}/turns/{turn}/sibling_turns       401    401     401      404    200   404      200     200    200   200   404     200    404
GET    @/usage                                       401    401     401      200    200   200      200     200    200   200   200     200    200
GET    @/config/requirements                         401    401     401      200    200   200      200     200    200   200   200     200    200
GET    ^/authapi/v1/user-auth-credential/whoami      401    401     401      200    200   200      200     200    200   200   200     200    200
POST   ^/model/v1/responses                         401    401     401      403    503   503      503     503    503   503   503     403    403
POST   ^/model/v1/chat/completions                  401    401     401      403    503   503      503     503    503   503   503     403    403
POST   ^/model/v1/messages                          401    401     401      403    503   503      503     503    503   503   503     403    403
POST   ^/model/v1/messages/count_tokens             401    401     401      403    503   503      503     503    503   503   503     403    403
GET    ^/model/v1/models                            401    401     401      403    503   503      503     503    503   503   503     403    403
GET    ^/codex/tasks/{id}                            200    200     200      200    200   200      200     200    200   200   200     200    200
GET    /me                                           401    401     401      200    200   200      200     200    200   200   200     200    200
GET    /me/forge-logins                              401    401     401      200    200   200      200     200    200   200   200     200    200
PUT    /me/forge-logins                              401    401     401      200    200   200      200     200    200   200   200     403    200
DELETE /me/forge-logins/{host}                       401    401     401      404    404   404      404     404    404   404   404     403    404
GET    /users                                        401    401     401      403    403   403      403     403    200   200   403     200    200
POST   /users                                        401    401     401      403    403   403      403     403    201   201   403     403    201
GET    /users/{id}                                   401    401     401      403    403   403      403     403    200   200   403     200    200
PATCH  /users/{id}                                   401    401     401      403    403   403      403     403    200   200   403     403    200
POST   /users/{id}/tokens                            401    401     401      403    403   403      403     403    201   201   403     403    201
GET    /audit                                        401    401     401      403    403   403      403     403    200   200   403     200    403
GET    /audit/verify                                 401    401     401      403    403   403      403     403    200   200   403     200    403
GET    /audit/export                                 401    401     401      403    403   403      403     403    200   200   403     200    403
GET    /groups                                       401    401     401      200    200   200      200     200    200   200   200     200    200
POST   /groups                                       401    401     401      403    403   403      403     403    201   201   403     403    201
GET    /groups/{id}                                  401    401     401      403    403   403      403     403    200   200   403     200    200
PATCH  /groups/{id}                                  401    401     401      403    403   403      403     403    200   200   403     403    200
DELETE /groups/{id}                                  401    401     401      403    403   403      403     403    204   204   403     403    204
PUT    /groups/{id}/members/{user}                   401    401     401      403    403   403      403     403    200   200   403     403    200
DELETE /groups/{id}/members/{user}                   401    401     401      403    403   403      403     403    204   204   403     403    204
GET    /roles                                        401    401     401      403    403   403      403     403    200   200   403     200    200
POST   /roles                                        401    401     401      403    403   403      403     403    201   201   403     403    201
GET    /roles/{id}                                   401    401     401      403    403   403      403     403    200   200   403     200    200
PATCH  /roles/{id}                                   401    401     401      403    403   403      403     403    200   200   403     403    200
DELETE /roles/{id}                                   401    401     401      403    403   403      403     403    204   204   403     403    204
PUT    /roles/{id}/users/{user}                      401    401     401      403    403   403      403     403    204   204   403     403    204
DELETE /roles/{id}/users/{user}                      401    401     401      403    403   403      403     403    204   204   403     403    204
PUT    /roles/{id}/groups/{group}                    401    401     401      403    403   403      403     403    204   204   403     403    204
DELETE /roles/{id}/groups/{group}                    401    401     401      403    403   403      403     403    204   204   403     403    204
GET    ^/auth/providers                              200    200     200      200    200   200      200     200    200   200   200     200    200
GET    ^/auth/sign-in/{provider}                     404    404     404      404    404   404      404     404    404   404   404     404    404
GET    ^/auth/callback/{provider}                    404    404     404      404    404   404      404     404    404   404   404     404    404
POST   ^/auth/sign-out                               204    204     204      204    204   204      204     204    204   204   204     204    204
POST   ^/auth/sign-out-everywhere                    401    401     401      204    204   204      204     204    204   204   204     403    204
POST   ^/auth/device                                 200    200     200      200    200   200      200     200    200   200   200     200    200
POST   ^/auth/device/token                           400    400     400      400    400   400      400     400    400   400   400     400    400
GET    ^/device                                      200    200     200      200    200   200      200     200    200   200   200     200    200
POST   ^/device                                      401    401     401      403    403   403      403     403    403   403   403     403    403
POST   ^/device/confirm                              401    401     401      403    403   403      403     403    403   403   403     403    403
POST   ^/device/deny                                 401    401     401      403    403   403      403     403    403   403   403     403    403
POST   ^/auth/session                                401    401     401      201    201   201      201     201    201   201   403     201    201
GET    /sessions                                     401    401     401      200    200   200      200     200    200   200   200     200    200
DELETE /sessions/{id}                                401    401     401      404    204   404      404     404    404   404   404     403    404
POST   /sign-in-providers                            401    401     401      403    403   403      403     403    201   201   403     403    201
GET    /sign-in-providers                            401    401     401      403    403   403      403     403    200   200   403     200    200
GET    /sign-in-providers/{name}                     401    401     401      403    403   403      403     403    200   200   403     200    200
PATCH  /sign-in-providers/{name}                     401    401     401      403    403   403      403     403    200   200   403     403    200
DELETE /sign-in-providers/{name}                     401    401     401      403    403   403      403     403    204   204   403     403    204
GET    /users/{id}/tokens                            401    401     401      403    403   403      403     403    200   200   403     200    200
DELETE /users/{id}/tokens/{token}                    401    401     401      403    403   403      403     403    204   204   403     403    204
GET    /users/{id}/export                            401    401     401      403    403   403      403     403    200   200   403     403    403
DELETE /users/{id}                                   401    401     401      403    403   403      403     403    204   204   403     403    204
DELETE /users/{id}/sessions                          401    401     401      403    403   403      403     403    204   204   403     403    204
GET    /users/{id}/forge-logins                      401    401     401      403    403   403      403     403    200   200   403     200    200
DELETE /users/{id}/forge-logins/{host}               401    401     401      403    403   403      403     403    404   404   403     403    404
`

/** The same, where a task is visible to its creator alone. */
export const OF_CREATOR = `
                                                     nobody revoked disabled viewer maker stranger grouped collab admin owner service reader custom
GET    /tasks/{id}                                   401    401     401      404    200   404      404     404    200   200   404     200    404
POST   /tasks/{id}/cancel                            401    401     401      403    200   404      404     404    200   200   404     403    403
POST   /tasks/{id}/turns                             401    401     401      403    409   404      404     404    409   409   404     403    403
GET    /tasks/{id}/events                            401    401     401      404    200   404      404     404    200   200   404     200    404
GET    /attempts/{id}/diff                           401    401     401      404    409   404      404     404    409   409   404     409    404
POST   /attempts/{id}/pull-request                   401    401     401      403    409   404      404     404    409   409   404     403    403
GET    /attempts/{id}/ledger                         401    401     401      404    200   404      404     404    200   200   404     200    404
GET    @/tasks/{id}                                  401    401     401      404    200   404      404     404    200   200   404     200    404
GET    @/tasks/{id}/turns/{turn}/sibling_turns       401    401     401      404    200   404      404     404    200   200   404     200    404
`
