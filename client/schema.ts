// Made from the server's own OpenAPI document by "npm run client:types", which this repository's tests hold it to.

export interface paths {
    "/api/v1/attempts/{id}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    /** @description The folder of one of several repositories; default: the first */
                    repository?: string;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The patch, byte for byte */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/x-diff": string;
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/attempts/{id}/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    /** @description `next` of the page before */
                    after?: string;
                    /** @description jsonl: all records, one on each line */
                    format?: "json" | "jsonl";
                    limit?: number;
                };
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description What the attempt asked of the network, oldest first; nothing while the network is off */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Ledger"];
                        "application/x-ndjson": string;
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/attempts/{id}/pull-request": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: {
                content: {
                    "application/json": components["schemas"]["PublishRequest"];
                };
            };
            responses: {
                /** @description It is published already */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Publish"];
                    };
                };
                /** @description It will be published */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Publish"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    action?: "user.create" | "user.update" | "user.export" | "user.delete" | "group.create" | "group.update" | "group.delete" | "group.add-member" | "group.remove-member" | "role.create" | "role.update" | "role.delete" | "role.grant" | "role.revoke" | "user.sign-out" | "sign-in" | "sign-in.refused" | "sign-in-provider.create" | "sign-in-provider.update" | "sign-in-provider.delete" | "token.create" | "token.revoke" | "token.use" | "forge-login.link" | "forge-login.unlink" | "device.confirm" | "device.deny" | "environment.create" | "environment.update" | "environment.apply" | "environment.delete" | "cache.reset" | "cache.refresh" | "secret.set" | "secret.delete" | "secret.use" | "credential.set" | "credential.delete" | "credential.use" | "provider.create" | "provider.update" | "provider.delete" | "settings.update" | "keys.rewrap" | "attempt.publish" | "attempt.published" | "task.cancel" | "audit.export" | "audit.prune" | "content.remove" | "backup.write" | "backup.restore";
                    /** @description Id or name of the one who did it */
                    actor?: string;
                    /** @description `nextCursor` of the page before */
                    cursor?: number | null;
                    limit?: number;
                    since?: string;
                    /** @description Id or name of the object that it was done to */
                    target?: string;
                    until?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description A page of the audit log, newest first */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AuditPage"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    action?: "user.create" | "user.update" | "user.export" | "user.delete" | "group.create" | "group.update" | "group.delete" | "group.add-member" | "group.remove-member" | "role.create" | "role.update" | "role.delete" | "role.grant" | "role.revoke" | "user.sign-out" | "sign-in" | "sign-in.refused" | "sign-in-provider.create" | "sign-in-provider.update" | "sign-in-provider.delete" | "token.create" | "token.revoke" | "token.use" | "forge-login.link" | "forge-login.unlink" | "device.confirm" | "device.deny" | "environment.create" | "environment.update" | "environment.apply" | "environment.delete" | "cache.reset" | "cache.refresh" | "secret.set" | "secret.delete" | "secret.use" | "credential.set" | "credential.delete" | "credential.use" | "provider.create" | "provider.update" | "provider.delete" | "settings.update" | "keys.rewrap" | "attempt.publish" | "attempt.published" | "task.cancel" | "audit.export" | "audit.prune" | "content.remove" | "backup.write" | "backup.restore";
                    /** @description Id or name of the one who did it */
                    actor?: string;
                    since?: string;
                    /** @description Id or name of the object that it was done to */
                    target?: string;
                    until?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All entries, oldest first, one on each line */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/x-ndjson": string;
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    /** @description An entry that was noted elsewhere, as SEQ:HASH */
                    checkpoint?: string;
                    /** @description `last` of the answer before, as SEQ:HASH */
                    from?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Whether the chain holds, some thousands of entries at a time */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AuditVerdict"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All credentials by name, without their values */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Credential"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/credentials/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["CredentialChange"];
                };
            };
            responses: {
                /** @description The credential, without its value */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Credential"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone; rules that name it let nothing through */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environment-file.schema.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The JSON schema of .drydock/environment.yml */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            [key: string]: unknown;
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All environments by name */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Environment"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewEnvironment"];
                };
            };
            responses: {
                /** @description The new environment */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Environment"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The environment */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Environment"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone; its finished tasks stay */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["EnvironmentChange"];
                };
            };
            responses: {
                /** @description The environment with the changes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ChangedEnvironment"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/environments/{id}/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["EnvironmentApply"];
                };
            };
            responses: {
                /** @description What was taken over */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["EnvironmentApplied"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}/cache": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description What set-up has left to start from */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Cache"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}/cache/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    /** @description `next` of the page before */
                    after?: string;
                    /** @description jsonl: all records, one on each line */
                    format?: "json" | "jsonl";
                    limit?: number;
                };
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description What set-up in the background asked of the network, oldest first; where a task waited for it, its ledger has that */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Ledger"];
                        "application/x-ndjson": string;
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The environment as .drydock/environment.yml */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/yaml": string;
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description What the repository declares, beside what is */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["EnvironmentPlan"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The runners set it up anew when they have room */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Cache"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}/reset-cache": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The next start sets it up anew */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Cache"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All secrets by name, without their values */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Secret"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/environments/{id}/secrets/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name of the environment */
                    id: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SecretChange"];
                };
            };
            responses: {
                /** @description The secret, without its value */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SetSecret"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description Id or name of the environment */
                    id: string;
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The groups that one sees: all, or the own ones */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["GroupHead"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewGroup"];
                };
            };
            responses: {
                /** @description The new group */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Group"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/groups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The group with its members and roles */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Group"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone, with what its members had by it */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["GroupChange"];
                };
            };
            responses: {
                /** @description The group with the changes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Group"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/groups/{id}/members/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    user: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The group with this member */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Group"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    user: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They are no member */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The process is up */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {string} */
                            status: "ok";
                            version: string;
                        };
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/keys/rewrap": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Everything is sealed with the current master key */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Rewrapped"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Who asks, and what they may do */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Me"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/forge-logins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Who you are on forges */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["ForgeLogin"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewForgeLogin"];
                };
            };
            responses: {
                /** @description Who you are on the forge, which said so itself */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ForgeLogin"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me/forge-logins/{host}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    host: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is not linked any more */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Prometheus text */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All providers by name */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Provider"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewProvider"];
                };
            };
            responses: {
                /** @description The new provider of models, without its key */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Provider"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/providers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The provider, by id or name */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Provider"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["ProviderChange"];
                };
            };
            responses: {
                /** @description The provider with the changes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Provider"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The database answers */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {string} */
                            status: "ready";
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The repositories of the environments that one may use */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Repository"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories/inspect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["InspectionRequest"];
                };
            };
            responses: {
                /** @description What the default branch proposes for an environment */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Inspection"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/roles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The roles beside the built-in ones */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Role"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewRole"];
                };
            };
            responses: {
                /** @description The new role */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Role"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/roles/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The role */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Role"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone, and nobody has it */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["RoleChange"];
                };
            };
            responses: {
                /** @description The role with the changes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Role"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/roles/{id}/groups/{group}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    group: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They have the role */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    group: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They do not have the role, unless from elsewhere */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/roles/{id}/users/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    user: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They have the role */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    user: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They do not have the role, unless from elsewhere */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Where one is signed in, the last used first */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Session"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is over */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The settings of this installation */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @default [] */
                            allowedAgents?: string[];
                            /** @default [] */
                            allowedModels?: string[];
                            /**
                             * @default [
                             *       "docker.io",
                             *       "ghcr.io"
                             *     ]
                             */
                            allowedRegistries?: string[];
                            /** @default false */
                            alwaysHoldFlagged?: boolean;
                            /** @default null */
                            auditRetentionDays?: number | null;
                            /** @default true */
                            automaticPublishing?: boolean;
                            /** @default null */
                            changesRetentionDays?: number | null;
                            /** @default true */
                            cloudForMembers?: boolean;
                            /** @default {} */
                            defaultLimits?: {
                                agentMs: number;
                                checkoutMs: number;
                                collectMs: number;
                                noOutputMs: number;
                                publishMs: number;
                                queueMs: number;
                                sandboxMs: number;
                                setupMs: number;
                                totalMs: number;
                            };
                            /** @default {} */
                            defaultResources?: {
                                cpus: number;
                                diskMiB: number;
                                memoryMiB: number;
                                pids: number;
                            };
                            /** @default [] */
                            gitAllowedHosts?: string[];
                            /** @default null */
                            ledgerRetentionDays?: number | null;
                            /** @default {} */
                            limitCeiling?: {
                                agentMs: number;
                                checkoutMs: number;
                                collectMs: number;
                                noOutputMs: number;
                                publishMs: number;
                                queueMs: number;
                                sandboxMs: number;
                                setupMs: number;
                                totalMs: number;
                            };
                            /** @default null */
                            localDailyTokens?: number | null;
                            /** @default null */
                            localMonthlyTokens?: number | null;
                            /** @default true */
                            localUse?: boolean;
                            /** @default false */
                            memberInternet?: boolean;
                            /** @default null */
                            networkCeiling?: {
                                [key: string]: unknown;
                            } | null;
                            /** @default [] */
                            networkDeny?: {
                                [key: string]: unknown;
                            }[];
                            /**
                             * Format: uri
                             * @default null
                             */
                            publicUrl?: string | null;
                            /** @default false */
                            redactQueries?: boolean;
                            /** @default {} */
                            resourceCeiling?: {
                                cpus: number;
                                diskMiB: number;
                                memoryMiB: number;
                                pids: number;
                            };
                            /** @default 720 */
                            sessionIdleMinutes?: number;
                            /** @default 10080 */
                            sessionMaxMinutes?: number;
                            /** @default {} */
                            staticHosts?: {
                                [key: string]: string[];
                            };
                            /**
                             * @default creator
                             * @enum {string}
                             */
                            tasksVisibleTo?: "environment" | "creator";
                            /** @default null */
                            transcriptRetentionDays?: number | null;
                            /** @default [] */
                            upstreamCas?: string[];
                            /** @default null */
                            upstreamProxy?: string | null;
                            /** @default null */
                            zeroRetentionMinutes?: number | null;
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SettingsChange"];
                };
            };
            responses: {
                /** @description The settings with the changes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @default [] */
                            allowedAgents?: string[];
                            /** @default [] */
                            allowedModels?: string[];
                            /**
                             * @default [
                             *       "docker.io",
                             *       "ghcr.io"
                             *     ]
                             */
                            allowedRegistries?: string[];
                            /** @default false */
                            alwaysHoldFlagged?: boolean;
                            /** @default null */
                            auditRetentionDays?: number | null;
                            /** @default true */
                            automaticPublishing?: boolean;
                            /** @default null */
                            changesRetentionDays?: number | null;
                            /** @default true */
                            cloudForMembers?: boolean;
                            /** @default {} */
                            defaultLimits?: {
                                agentMs: number;
                                checkoutMs: number;
                                collectMs: number;
                                noOutputMs: number;
                                publishMs: number;
                                queueMs: number;
                                sandboxMs: number;
                                setupMs: number;
                                totalMs: number;
                            };
                            /** @default {} */
                            defaultResources?: {
                                cpus: number;
                                diskMiB: number;
                                memoryMiB: number;
                                pids: number;
                            };
                            /** @default [] */
                            gitAllowedHosts?: string[];
                            /** @default null */
                            ledgerRetentionDays?: number | null;
                            /** @default {} */
                            limitCeiling?: {
                                agentMs: number;
                                checkoutMs: number;
                                collectMs: number;
                                noOutputMs: number;
                                publishMs: number;
                                queueMs: number;
                                sandboxMs: number;
                                setupMs: number;
                                totalMs: number;
                            };
                            /** @default null */
                            localDailyTokens?: number | null;
                            /** @default null */
                            localMonthlyTokens?: number | null;
                            /** @default true */
                            localUse?: boolean;
                            /** @default false */
                            memberInternet?: boolean;
                            /** @default null */
                            networkCeiling?: {
                                [key: string]: unknown;
                            } | null;
                            /** @default [] */
                            networkDeny?: {
                                [key: string]: unknown;
                            }[];
                            /**
                             * Format: uri
                             * @default null
                             */
                            publicUrl?: string | null;
                            /** @default false */
                            redactQueries?: boolean;
                            /** @default {} */
                            resourceCeiling?: {
                                cpus: number;
                                diskMiB: number;
                                memoryMiB: number;
                                pids: number;
                            };
                            /** @default 720 */
                            sessionIdleMinutes?: number;
                            /** @default 10080 */
                            sessionMaxMinutes?: number;
                            /** @default {} */
                            staticHosts?: {
                                [key: string]: string[];
                            };
                            /**
                             * @default creator
                             * @enum {string}
                             */
                            tasksVisibleTo?: "environment" | "creator";
                            /** @default null */
                            transcriptRetentionDays?: number | null;
                            /** @default [] */
                            upstreamCas?: string[];
                            /** @default null */
                            upstreamProxy?: string | null;
                            /** @default null */
                            zeroRetentionMinutes?: number | null;
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/sign-in-providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All sign-in providers by name */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["SignInProvider"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewSignInProvider"];
                };
            };
            responses: {
                /** @description The new sign-in provider, without its secret */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SignInProvider"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sign-in-providers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The sign-in provider */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SignInProvider"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is gone, and who came by it is signed out */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    name: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["SignInProviderChange"];
                };
            };
            responses: {
                /** @description The sign-in provider with the changes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SignInProvider"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    cursor?: string;
                    environment?: string;
                    limit?: number;
                    state?: "queued" | "preparing" | "running" | "collecting" | "succeeded" | "failed" | "cancelled";
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description A page of tasks, newest first */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["TaskHead"][];
                            nextCursor: string | null;
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: {
                    "idempotency-key"?: string;
                    "x-drydock-product"?: "cli" | "api" | "web";
                };
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewTask"];
                };
            };
            responses: {
                /** @description The task that this Idempotency-Key made before */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Task"];
                    };
                };
                /** @description The new task */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Task"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The task */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Task"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The task, cancelled */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Task"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: {
                    after?: number | null;
                };
                header?: {
                    "last-event-id"?: number | null;
                };
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The events of the task from the first, or after a number; ends with "event: end" */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/event-stream": string;
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/turns": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewTurn"];
                };
            };
            responses: {
                /** @description The task, going on */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Task"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Your own tokens */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Token"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            responses: {
                /** @description The token; its text is shown this once */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MadeToken"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is revoked */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All people and service accounts by name */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["User"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewUser"];
                };
            };
            responses: {
                /** @description The new person or service account */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["User"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The person or service account */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["User"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They are deleted, with what is in their tasks */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["UserChange"];
                };
            };
            responses: {
                /** @description The person with the changes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["User"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        trace?: never;
    };
    "/api/v1/users/{id}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description All that is kept about a person, one record on each line, told apart by its type; for who may see all tasks */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/x-ndjson": string;
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/forge-logins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Who they are on forges */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["ForgeLogin"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/forge-logins/{host}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    host: string;
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is not linked any more */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description They are signed out everywhere */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description The tokens of a person or service account, without their texts */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            data: components["schemas"]["Token"][];
                        };
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                };
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["NewToken"];
                };
            };
            responses: {
                /** @description A service account's token; its text is shown this once */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MadeToken"];
                    };
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users/{id}/tokens/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    id: string;
                    token: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description It is revoked */
                204: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description What went wrong, in one sentence */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Attempt: {
            agentVersion: string | null;
            answer: string | null;
            branch: string | null;
            /** @description Where the environment has several repositories: what came of each. Diff, flagged files, branch, commit and pull request of the attempt are those of the first; its publishing is that of all */
            changes: components["schemas"]["RepositoryChange"][];
            commit: string | null;
            diff: {
                additions: number;
                deletions: number;
                files: number;
            } | null;
            /** Format: date-time */
            finishedAt: string | null;
            flagged: {
                path: string;
                why: string;
            }[];
            id: string;
            message: string | null;
            n: number;
            network: components["schemas"]["Network"];
            phases: {
                ms: number;
                /** @enum {string} */
                phase: "queue" | "sandbox" | "checkout" | "setup" | "agent" | "collect" | "publish";
            }[];
            publish: {
                reason: string | null;
                /** @enum {string} */
                state: "none" | "pending" | "held" | "published" | "failed";
            };
            pullRequest: {
                number: number;
                url: string;
            } | null;
            reason: string | null;
            /** @description From what it was started, and why; null before that */
            start: {
                /** @enum {string} */
                cache: "hit" | "miss" | "none";
                reason: string;
                /** @enum {string} */
                sandbox: "warm" | "cold";
                snapshot: string;
            } | null;
            /** Format: date-time */
            startedAt: string | null;
            /** @enum {string} */
            state: "queued" | "preparing" | "running" | "collecting" | "succeeded" | "failed" | "cancelled";
            usage: {
                inputTokens: number;
                outputTokens: number;
                seconds: number;
            };
        };
        AuditEntry: {
            /** @enum {string} */
            action: "user.create" | "user.update" | "user.export" | "user.delete" | "group.create" | "group.update" | "group.delete" | "group.add-member" | "group.remove-member" | "role.create" | "role.update" | "role.delete" | "role.grant" | "role.revoke" | "user.sign-out" | "sign-in" | "sign-in.refused" | "sign-in-provider.create" | "sign-in-provider.update" | "sign-in-provider.delete" | "token.create" | "token.revoke" | "token.use" | "forge-login.link" | "forge-login.unlink" | "device.confirm" | "device.deny" | "environment.create" | "environment.update" | "environment.apply" | "environment.delete" | "cache.reset" | "cache.refresh" | "secret.set" | "secret.delete" | "secret.use" | "credential.set" | "credential.delete" | "credential.use" | "provider.create" | "provider.update" | "provider.delete" | "settings.update" | "keys.rewrap" | "attempt.publish" | "attempt.published" | "task.cancel" | "audit.export" | "audit.prune" | "content.remove" | "backup.write" | "backup.restore";
            actor: {
                address: string | null;
                credentialId: string | null;
                id: string | null;
                name: string;
                via: string;
            };
            /** @description Only what changed; of secrets their names alone */
            after?: Record<string, never>;
            at: string;
            /** @description Only what changed; of secrets their names alone */
            before?: Record<string, never>;
            hash: string;
            previousHash: string;
            seq: number;
            target: {
                id: string;
                kind: string;
                name: string;
            };
        };
        AuditPage: {
            data: components["schemas"]["AuditEntry"][];
            nextCursor: number | null;
        };
        AuditVerdict: {
            anchor: {
                hash: string;
                seq: number;
            };
            broken: {
                seq: number;
                /** @enum {string} */
                why: "changed" | "missing" | "broken-link" | "truncated" | "unfinished" | "anchor" | "checkpoint";
            } | null;
            checked: number;
            /** @description false: go on with `from` */
            done: boolean;
            last: {
                hash: string;
                seq: number;
            };
        };
        Cache: {
            /** @description The build that is under way */
            building: {
                /** @description Why it was begun */
                cause: string;
                /** Format: date-time */
                finishedAt: string | null;
                host: string;
                key: string;
                message: string | null;
                ms: number | null;
                /** @description The last of what it printed */
                output: string;
                reason: string | null;
                /** Format: date-time */
                startedAt: string;
                /** @enum {string} */
                state: "running" | "succeeded" | "failed" | "abandoned";
            } | null;
            /** @description The last one that ended */
            lastBuild: {
                /** @description Why it was begun */
                cause: string;
                /** Format: date-time */
                finishedAt: string | null;
                host: string;
                key: string;
                message: string | null;
                ms: number | null;
                /** @description The last of what it printed */
                output: string;
                reason: string | null;
                /** Format: date-time */
                startedAt: string;
                /** @enum {string} */
                state: "running" | "succeeded" | "failed" | "abandoned";
            } | null;
            snapshots: {
                /** Format: date-time */
                createdAt: string;
                /** Format: date-time */
                expiresAt: string;
                fromCommit: string;
                host: string;
                /** @description A task that is under way was started from it */
                inUse: boolean;
                key: string;
                /** Format: date-time */
                lastUsedAt: string;
                sizeBytes: number;
            }[];
        };
        ChangedEnvironment: components["schemas"]["Environment"] & {
            /** @description Secrets that were forgotten, since more people may use the environment */
            clearedSecrets: string[];
            notice: string;
        };
        CodexCreated: {
            task: {
                id: string;
            };
        };
        CodexEnvironments: {
            id: string;
            is_pinned: boolean;
            label: string;
        }[];
        CodexError: {
            code: string;
            detail: string;
        };
        CodexRequirements: {
            contents: null;
            sha256: null;
        };
        CodexSiblings: {
            sibling_turns: components["schemas"]["CodexTurn"][];
        };
        CodexTask: {
            current_assistant_turn: components["schemas"]["CodexTurn"];
            current_diff_task_turn: {
                id: string;
                output_items: {
                    output_diff: {
                        diff: string;
                    };
                    /** @enum {string} */
                    type: "pr";
                }[];
            } | null;
            current_user_turn: {
                id: string;
                input_items: {
                    content: {
                        /** @enum {string} */
                        content_type: "text";
                        text: string;
                    }[];
                    /** @enum {string} */
                    role: "user" | "assistant";
                    /** @enum {string} */
                    type: "message";
                }[];
            };
            task: {
                archived: boolean;
                /** @description Seconds since 1970 */
                created_at: number;
                environment_id: string;
                external_pull_requests: Record<string, never>[];
                id: string;
                is_review: boolean;
                title: string;
                /** @description Seconds since 1970 */
                updated_at: number;
            };
            task_status_display: components["schemas"]["CodexTaskStatus"];
        };
        CodexTaskPage: {
            cursor: string;
            items: {
                archived: boolean;
                /** @description Seconds since 1970 */
                created_at: number;
                has_generated_title: boolean;
                has_unread_turn: boolean;
                id: string;
                task_status_display: components["schemas"]["CodexTaskStatus"];
                title: string;
                /** @description Seconds since 1970 */
                updated_at: number;
            }[];
        };
        CodexTaskStatus: {
            environment_label: string;
            latest_turn_status_display: {
                diff_stats: {
                    files_modified: number;
                    lines_added: number;
                    lines_removed: number;
                };
                sibling_turn_ids: string[];
                /** @enum {string} */
                turn_status: "pending" | "in_progress" | "completed" | "failed" | "cancelled";
                /** @description Seconds since 1970 */
                updated_at: number;
            };
        };
        CodexTurn: {
            attempt_placement: number;
            /** @description Seconds since 1970 */
            created_at: number;
            error: {
                code: string;
                message: string;
            };
            id: string;
            output_items: ({
                content: {
                    /** @enum {string} */
                    content_type: "text";
                    text: string;
                }[];
                /** @enum {string} */
                role: "user" | "assistant";
                /** @enum {string} */
                type: "message";
            } | {
                diff: string;
                /** @enum {string} */
                type: "output_diff";
            })[];
            sibling_turn_ids: string[];
            /** @enum {string} */
            turn_status: "pending" | "in_progress" | "completed" | "failed" | "cancelled";
        };
        CodexUsage: {
            credits: null;
            /** @enum {string} */
            plan_type: "enterprise";
            rate_limit: null;
        };
        CodexWhoami: {
            chatgpt_account_id: string;
            /** @enum {boolean} */
            chatgpt_account_is_fedramp: false;
            /** @enum {string} */
            chatgpt_plan_type: "enterprise";
            chatgpt_user_id: string;
            email: string | null;
        };
        Credential: {
            /** Format: date-time */
            createdAt: string;
            header: string;
            id: string;
            name: string;
            /** Format: date-time */
            updatedAt: string;
        };
        CredentialChange: {
            /** @default authorization */
            header?: string;
            /** @description The whole value of the header. Written, never read */
            value: string;
        };
        Device: {
            device_code: string;
            expires_in: number;
            interval: number;
            user_code: string;
            verification_uri: string;
        };
        DeviceToken: {
            device_code: string;
        };
        Environment: {
            agent: string;
            agentScript: string | null;
            /** @enum {string} */
            agentUser: "agent" | "root";
            budgetTokens: number | null;
            /** @description Like the groups: for who may edit the environment */
            collaborators: string[];
            /** Format: date-time */
            createdAt: string;
            createdBy: string | null;
            description: string;
            groups: {
                id: string;
                name: string;
            }[];
            holdFlagged: boolean;
            id: string;
            image: string;
            limits: {
                [key: string]: number;
            };
            maintenanceScript: string | null;
            maxRunning: number;
            model: string | null;
            name: string;
            policy: {
                [key: string]: unknown;
            };
            provider: string | null;
            /** @enum {string} */
            publish: "manual" | "branch" | "pull-request";
            publishUnlinked: boolean;
            /** @description Those besides the first; absent where there are none */
            repositories: {
                address: string;
                /** @enum {string} */
                forge: "git" | "github";
                id: string;
                name: string;
            }[];
            repository: {
                address: string;
                /** @enum {string} */
                forge: "git" | "github";
                id: string;
            };
            resources: {
                [key: string]: number;
            };
            /** @description Containers beside each sandbox, on its network only */
            services: components["schemas"]["Service"][];
            setupScript: string | null;
            starterTasks: {
                prompt: string;
                title: string;
            }[];
            /** Format: date-time */
            updatedAt: string;
            variables: {
                [key: string]: string;
            };
            verification: string[];
            versions: {
                [key: string]: string;
            };
            /** @enum {string} */
            visibility: "private" | "groups" | "workspace";
        };
        EnvironmentApplied: {
            applied: string[];
            environment: components["schemas"]["Environment"];
            left: string[];
        };
        EnvironmentApply: {
            /**
             * @description Fields of proposals to take over
             * @default []
             */
            accept?: string[];
            commit: string;
        };
        EnvironmentChange: {
            agent?: string;
            agentScript?: string | null;
            /** @enum {string} */
            agentUser?: "agent" | "root";
            /** @description Of one attempt; null: the provider's */
            budgetTokens?: number | null;
            /** @description E-mails of who may use and edit it; each counts once it is verified */
            collaborators?: string[];
            description?: string;
            /** @description Ids or names of the groups that may use it while its visibility is "groups" */
            groups?: string[];
            holdFlagged?: boolean;
            /** @description Default: universal, the image that Drydock builds */
            image?: string;
            /** @description For administrators: secrets stay although more people may use the environment */
            keepSecrets?: boolean;
            limits?: {
                agentMs: number;
                checkoutMs: number;
                collectMs: number;
                noOutputMs: number;
                publishMs: number;
                queueMs: number;
                sandboxMs: number;
                setupMs: number;
                totalMs: number;
            };
            maintenanceScript?: string | null;
            maxRunning?: number;
            /** @description The model's name; null: the agent's own choice */
            model?: string | null;
            name?: string;
            /** @description A policy for the agent, or {"setup": policy, "agent": policy} */
            policy?: Record<string, never>;
            /** @description Its name; null: the default of the wire */
            provider?: string | null;
            /** @enum {string} */
            publish?: "manual" | "branch" | "pull-request";
            /** @description Also people publish who have linked no login on the forge. Default: true */
            publishUnlinked?: boolean;
            /** @description Those besides the first. With any, each lies at /workspace/NAME; NAME is by default the last part of the address */
            repositories?: {
                name: string;
                /** @description An absolute path, a URL, or owner/name on GitHub */
                repository: string;
            }[];
            /** @description An absolute path, a URL, or owner/name on GitHub */
            repository?: string;
            resources?: {
                cpus: number;
                diskMiB: number;
                memoryMiB: number;
                pids: number;
            };
            /** @description Containers beside each sandbox, on its network only */
            services?: components["schemas"]["Service"][];
            setupScript?: string | null;
            /** @description Tasks that a newcomer may begin with */
            starterTasks?: {
                prompt: string;
                title: string;
            }[];
            variables?: {
                [key: string]: string;
            };
            /** @description Commands that show whether the environment works: its build, its tests */
            verification?: string[];
            /** @description Language to version, as in {"node": "22"}; absent languages are those of the image */
            versions?: {
                [key: string]: string;
            };
            /**
             * @description Default: workspace
             * @enum {string}
             */
            visibility?: "private" | "groups" | "workspace";
        };
        EnvironmentPlan: {
            branch: string;
            /** @description What apply takes over */
            changes: {
                field: string;
                from?: unknown;
                to?: unknown;
            }[];
            /** @description The commit of the default branch that holds the file */
            commit: string;
            missingSecrets: string[];
            /** @description Network, limits, publishing and the like: taken over only where they are accepted */
            proposals: {
                field: string;
                from?: unknown;
                to?: unknown;
            }[];
        };
        ForgeLogin: {
            /** @description Where the forge is for people, as in github.com */
            host: string;
            /** @description The account's number, which no other account ever has */
            id: number;
            login: string;
            /** Format: date-time */
            verifiedAt: string;
        };
        Group: components["schemas"]["GroupHead"] & {
            members: {
                id: string;
                name: string;
            }[];
            roles: {
                id: string;
                name: string;
            }[];
        };
        GroupChange: {
            description?: string;
            name?: string;
        };
        GroupHead: {
            /** Format: date-time */
            createdAt: string;
            description: string;
            id: string;
            name: string;
        };
        Inspection: {
            branch: string;
            commit: string;
            /** @description The text of .drydock/environment.yml, as it is */
            declared: string | null;
            proposal: {
                image: string;
                maintenanceScript: string | null;
                reasons: {
                    /** @description The file of the repository that said so */
                    from: string | null;
                    /** @enum {string} */
                    part: "image" | "version" | "setup" | "maintenance" | "verification" | "note";
                    /** @description The line or setting, or what a person should know */
                    what: string;
                    why: string;
                }[];
                setupScript: string | null;
                starterTasks: {
                    prompt: string;
                    title: string;
                }[];
                verification: string[];
                versions: {
                    [key: string]: string;
                };
            };
        };
        InspectionRequest: {
            /** @description An absolute path, a URL, or owner/name on GitHub */
            repository: string;
        };
        Ledger: {
            data: components["schemas"]["LedgerRecord"][];
            next: string | null;
        };
        LedgerRecord: {
            address: string | null;
            asked: string | null;
            /** Format: date-time */
            at: string;
            attempt: string | null;
            /** @description The build in the background that it is of, where it is of no attempt */
            build: string | null;
            bytesDown: number;
            bytesUp: number;
            host: string | null;
            layer: string;
            method: string | null;
            ms: number | null;
            path: string | null;
            phase: string | null;
            policyVersion: number;
            port: number | null;
            reason: string | null;
            rule: string | null;
            sandbox: string;
            seq: number;
            status: number | null;
            /** @enum {string} */
            verdict: "allow" | "deny";
        };
        MadeToken: components["schemas"]["Token"] & {
            token: string;
        };
        Me: {
            email: string;
            emailVerified: boolean;
            groups: {
                id: string;
                name: string;
            }[];
            id: string;
            /** @enum {string} */
            kind: "person" | "service";
            name: string;
            /** @description All that they have, from wherever */
            permissions: ("cloud.use" | "local.use" | "environments.manage" | "environments.internet" | "environments.admin" | "reviews.manage" | "analytics.read" | "members.manage" | "settings.manage" | "audit.read")[];
            /**
             * @description The built-in role; groups and other roles add to it
             * @enum {string}
             */
            role: "owner" | "admin" | "member" | "viewer";
            /** @description Those that were given to them and not to their groups */
            roles: {
                id: string;
                name: string;
            }[];
            /** @description What the token at hand may be used for */
            scopes: ("read" | "write" | "admin")[];
        };
        /** @description What it asked of the network; null: nothing */
        Network: {
            bytesDown: number;
            bytesUp: number;
            denied: number;
            hosts: {
                bytesDown: number;
                bytesUp: number;
                count: number;
                /** Format: date-time */
                first: string;
                host: string | null;
                /** Format: date-time */
                last: string;
                reasons: {
                    [key: string]: number;
                };
                rules: {
                    [key: string]: number;
                };
                /** @enum {string} */
                verdict: "allow" | "deny";
            }[];
            others: {
                bytesDown: number;
                bytesUp: number;
                denied: number;
                hosts: number;
                requests: number;
            } | null;
            requests: number;
        } | null;
        NewCodexTask: {
            input_items: ({
                content: {
                    /** @enum {string} */
                    content_type: "text";
                    text: string;
                }[];
                /** @enum {string} */
                role?: "user";
                /** @enum {string} */
                type: "message";
            } | {
                output_diff: {
                    diff: string;
                };
                /** @enum {string} */
                type: "pre_apply_patch";
            })[];
            /**
             * @description best_of_n: how many attempts
             * @default {
             *       "best_of_n": 1
             *     }
             */
            metadata?: {
                /** @default 1 */
                best_of_n?: number;
            } & {
                [key: string]: unknown;
            };
            new_task: {
                branch?: string;
                /** @description Id or name */
                environment_id: string;
                /** @enum {boolean} */
                run_environment_in_qa_mode?: false;
            };
        };
        NewDevice: {
            /** @description What asks, and where: people see it, and the token gets this name */
            client: string;
            /**
             * @default [
             *       "read",
             *       "write"
             *     ]
             */
            scopes?: ("read" | "write" | "admin")[];
        };
        NewEnvironment: {
            agent?: string;
            agentScript?: string | null;
            /** @enum {string} */
            agentUser?: "agent" | "root";
            /** @description Of one attempt; null: the provider's */
            budgetTokens?: number | null;
            /** @description E-mails of who may use and edit it; each counts once it is verified */
            collaborators?: string[];
            description?: string;
            /** @description Ids or names of the groups that may use it while its visibility is "groups" */
            groups?: string[];
            holdFlagged?: boolean;
            /** @description Default: universal, the image that Drydock builds */
            image?: string;
            limits?: {
                agentMs: number;
                checkoutMs: number;
                collectMs: number;
                noOutputMs: number;
                publishMs: number;
                queueMs: number;
                sandboxMs: number;
                setupMs: number;
                totalMs: number;
            };
            maintenanceScript?: string | null;
            maxRunning?: number;
            /** @description The model's name; null: the agent's own choice */
            model?: string | null;
            name: string;
            /** @description A policy for the agent, or {"setup": policy, "agent": policy} */
            policy?: Record<string, never>;
            /** @description Its name; null: the default of the wire */
            provider?: string | null;
            /** @enum {string} */
            publish?: "manual" | "branch" | "pull-request";
            /** @description Also people publish who have linked no login on the forge. Default: true */
            publishUnlinked?: boolean;
            /** @description Those besides the first. With any, each lies at /workspace/NAME; NAME is by default the last part of the address */
            repositories?: {
                name: string;
                /** @description An absolute path, a URL, or owner/name on GitHub */
                repository: string;
            }[];
            /** @description An absolute path, a URL, or owner/name on GitHub */
            repository: string;
            resources?: {
                cpus: number;
                diskMiB: number;
                memoryMiB: number;
                pids: number;
            };
            /** @description Containers beside each sandbox, on its network only */
            services?: components["schemas"]["Service"][];
            setupScript?: string | null;
            /** @description Tasks that a newcomer may begin with */
            starterTasks?: {
                prompt: string;
                title: string;
            }[];
            variables?: {
                [key: string]: string;
            };
            /** @description Commands that show whether the environment works: its build, its tests */
            verification?: string[];
            /** @description Language to version, as in {"node": "22"}; absent languages are those of the image */
            versions?: {
                [key: string]: string;
            };
            /**
             * @description Default: workspace
             * @enum {string}
             */
            visibility?: "private" | "groups" | "workspace";
        };
        NewForgeLogin: {
            /** @enum {string} */
            forge: "github";
            /** @description Your own, of any rights or none. It is used once and not kept */
            token: string;
        };
        NewGroup: {
            description?: string;
            name: string;
        };
        NewProvider: {
            baseUrl: string;
            /** @description Of an attempt whose environment has none of its own */
            budgetTokens?: number | null;
            concurrency?: number;
            /** @description Hosted tools and the like, each off unless named */
            features?: ("web-search" | "web-fetch" | "mcp" | "code-interpreter" | "file-search" | "computer-use" | "image-generation" | "url-input" | "background" | "store" | "previous-response")[];
            idleMs?: number;
            /** @description Its address may be private */
            internal?: boolean;
            /** @description For environments that name no provider */
            isDefault?: boolean;
            /** @description Written, never read. null takes it away */
            key?: string | null;
            /** @description The header of the key, where it is not the wire's own */
            keyHeader?: {
                name: string;
                prefix: string;
            } | null;
            maxOutputTokens?: number;
            /** @description Those that may be asked for; none: any */
            models?: string[];
            name: string;
            totalMs?: number;
            /** @enum {string} */
            wire: "responses" | "chat" | "anthropic";
        };
        NewRole: {
            description?: string;
            name: string;
            permissions: ("cloud.use" | "local.use" | "environments.manage" | "environments.internet" | "environments.admin" | "reviews.manage" | "analytics.read" | "members.manage" | "settings.manage" | "audit.read")[];
        };
        NewSignInProvider: {
            clientId: string;
            /** @description Written, never read. null: none */
            clientSecret?: string | null;
            /**
             * @description Of people who are new
             * @enum {string}
             */
            defaultRole?: "member" | "viewer";
            /** @description What people read; absent: the name */
            displayName?: string;
            /** @description Of verified addresses; none: all are let in */
            emailDomains?: string[];
            enabled?: boolean;
            /** @description The claim that names groups, or the way to it: realm_access.roles. null: none does */
            groupClaim?: string | null;
            /** @description Who has this value in the claim is in that group */
            groups?: {
                groupId: string;
                value: string;
            }[];
            issuer: string;
            name: string;
            scopes?: string[];
        };
        NewTask: {
            agent?: string;
            /** @default 1 */
            attempts?: number;
            branch?: string;
            /** @description Id or name */
            environment: string;
            images?: {
                /** @description PNG, JPEG, GIF or WebP in base64 */
                data: string;
            }[];
            /** @enum {string} */
            mode: "ask" | "code";
            prompt: string;
            /** @description A patch on the commit that the task starts from; the diff of the task contains it */
            startingDiff?: string;
            title?: string;
        };
        NewToken: {
            /** Format: date-time */
            expiresAt?: string;
            name: string;
            /** @description All that it may be used for of what its person may; absent: whatever that is */
            permissions?: ("cloud.use" | "local.use" | "environments.manage" | "environments.internet" | "environments.admin" | "reviews.manage" | "analytics.read" | "members.manage" | "settings.manage" | "audit.read")[];
            /**
             * @default [
             *       "read",
             *       "write"
             *     ]
             */
            scopes?: ("read" | "write" | "admin")[];
        };
        NewTurn: {
            /** @description The attempt of the last turn to go on from; default: the one that succeeded */
            attempt?: number;
            images?: {
                /** @description PNG, JPEG, GIF or WebP in base64 */
                data: string;
            }[];
            prompt: string;
        };
        NewUser: {
            /** Format: email */
            email: string;
            /** @enum {string} */
            kind: "person";
            name: string;
            /**
             * @description The built-in role; groups and other roles add to it
             * @enum {string}
             */
            role: "owner" | "admin" | "member" | "viewer";
        } | {
            /** @enum {string} */
            kind: "service";
            name: string;
            /** @enum {string} */
            role: "admin" | "member" | "viewer";
        };
        Problem: {
            code: string;
            detail: string;
            status: number;
            title: string;
            type: string;
        };
        Provider: {
            baseUrl: string;
            budgetTokens: number | null;
            concurrency: number;
            /** Format: date-time */
            createdAt: string;
            features: string[];
            hasKey: boolean;
            id: string;
            idleMs: number;
            internal: boolean;
            isDefault: boolean;
            keyHeader: {
                name: string;
                prefix: string;
            } | null;
            maxOutputTokens: number;
            models: string[];
            name: string;
            totalMs: number;
            /** Format: date-time */
            updatedAt: string;
            /** @enum {string} */
            wire: "responses" | "chat" | "anthropic";
        };
        ProviderChange: {
            baseUrl?: string;
            /** @description Of an attempt whose environment has none of its own */
            budgetTokens?: number | null;
            concurrency?: number;
            /** @description Hosted tools and the like, each off unless named */
            features?: ("web-search" | "web-fetch" | "mcp" | "code-interpreter" | "file-search" | "computer-use" | "image-generation" | "url-input" | "background" | "store" | "previous-response")[];
            idleMs?: number;
            /** @description Its address may be private */
            internal?: boolean;
            /** @description For environments that name no provider */
            isDefault?: boolean;
            /** @description Written, never read. null takes it away */
            key?: string | null;
            /** @description The header of the key, where it is not the wire's own */
            keyHeader?: {
                name: string;
                prefix: string;
            } | null;
            maxOutputTokens?: number;
            /** @description Those that may be asked for; none: any */
            models?: string[];
            name?: string;
            totalMs?: number;
        };
        Publish: {
            attempt: string;
            branch: string | null;
            commit: string | null;
            publish: {
                reason: string | null;
                /** @enum {string} */
                state: "none" | "pending" | "held" | "published" | "failed";
            };
            pullRequest: {
                number: number;
                url: string;
            } | null;
        };
        PublishRequest: {
            /** @default false */
            confirmFlagged?: boolean;
        };
        Repository: {
            address: string;
            /** Format: date-time */
            createdAt: string;
            defaultBranch: string | null;
            /** @enum {string} */
            forge: "git" | "github";
            id: string;
        };
        RepositoryChange: {
            address: string;
            baseBranch: string;
            baseCommit: string;
            branch: string | null;
            commit: string | null;
            flagged: {
                path: string;
                why: string;
            }[];
            publish: {
                reason: string | null;
                /** @enum {string} */
                state: "none" | "pending" | "held" | "published" | "failed";
            };
            pullRequest: {
                number: number;
                url: string;
            } | null;
            /** @description Its folder below /workspace */
            repository: string;
            stats: {
                additions: number;
                deletions: number;
                files: number;
            };
        };
        Rewrapped: {
            kept: number;
            keyId: string;
            rewrapped: number;
        };
        Role: {
            /** Format: date-time */
            createdAt: string;
            description: string;
            id: string;
            name: string;
            permissions: ("cloud.use" | "local.use" | "environments.manage" | "environments.internet" | "environments.admin" | "reviews.manage" | "analytics.read" | "members.manage" | "settings.manage" | "audit.read")[];
            /** Format: date-time */
            updatedAt: string;
        };
        RoleChange: {
            description?: string;
            name?: string;
            permissions?: ("cloud.use" | "local.use" | "environments.manage" | "environments.internet" | "environments.admin" | "reviews.manage" | "analytics.read" | "members.manage" | "settings.manage" | "audit.read")[];
        };
        Secret: {
            /** Format: date-time */
            createdAt: string;
            header: string | null;
            host: string | null;
            /** @enum {string} */
            kind: "setup" | "brokered";
            name: string;
            /** Format: date-time */
            updatedAt: string;
            /** @description Raised with each new value */
            version: number;
        };
        SecretChange: {
            /** @enum {string} */
            kind: "setup";
            /** @description Written, never read */
            value: string;
        } | {
            /** @default authorization */
            header?: string;
            /** @description Requests to it get the header, where the policy allows them */
            host: string;
            /** @enum {string} */
            kind: "brokered";
            /** @description The whole value of the header. Written, never read */
            value: string;
        };
        Service: {
            /** @description Arguments in place of the image's own */
            command: string[];
            env: {
                [key: string]: string;
            };
            image: string;
            /** @description Its host name in the sandbox */
            name: string;
            /** @description Where it listens; default: the ports that its image exposes */
            port: number;
        };
        Session: {
            address: string | null;
            /** Format: date-time */
            createdAt: string;
            /** @description Whether the request came with it */
            current: boolean;
            /** Format: date-time */
            expiresAt: string;
            id: string;
            /** Format: date-time */
            lastSeenAt: string;
            /** @description null: they signed in with a token */
            provider: string | null;
            userAgent: string | null;
        };
        SetSecret: {
            /** Format: date-time */
            createdAt: string;
            header: string | null;
            host: string | null;
            /** @enum {string} */
            kind: "setup" | "brokered";
            name: string;
            /** @description What it is good for, and who can use it */
            notice: string;
            /** Format: date-time */
            updatedAt: string;
            /** @description Raised with each new value */
            version: number;
        };
        SettingsChange: {
            allowedAgents?: ("command" | "codex" | "claude" | "opencode")[];
            allowedModels?: string[];
            allowedRegistries?: string[];
            alwaysHoldFlagged?: boolean;
            auditRetentionDays?: number | null;
            automaticPublishing?: boolean;
            changesRetentionDays?: number | null;
            cloudForMembers?: boolean;
            defaultLimits?: {
                agentMs: number;
                checkoutMs: number;
                collectMs: number;
                noOutputMs: number;
                publishMs: number;
                queueMs: number;
                sandboxMs: number;
                setupMs: number;
                totalMs: number;
            };
            defaultResources?: {
                cpus: number;
                diskMiB: number;
                memoryMiB: number;
                pids: number;
            };
            gitAllowedHosts?: string[];
            ledgerRetentionDays?: number | null;
            limitCeiling?: {
                agentMs: number;
                checkoutMs: number;
                collectMs: number;
                noOutputMs: number;
                publishMs: number;
                queueMs: number;
                sandboxMs: number;
                setupMs: number;
                totalMs: number;
            };
            localDailyTokens?: number | null;
            localMonthlyTokens?: number | null;
            localUse?: boolean;
            memberInternet?: boolean;
            networkCeiling?: {
                /** @default [] */
                allow?: {
                    credential?: string;
                    host: string;
                    internal?: boolean;
                    methods?: string[];
                    path?: string;
                    port?: number;
                    /** @enum {string} */
                    protocol?: "http" | "tcp";
                    /** @enum {string} */
                    tls?: "inspect" | "passthrough";
                }[];
                /** @default [] */
                deny?: {
                    credential?: string;
                    host: string;
                    internal?: boolean;
                    methods?: string[];
                    path?: string;
                    port?: number;
                    /** @enum {string} */
                    protocol?: "http" | "tcp";
                    /** @enum {string} */
                    tls?: "inspect" | "passthrough";
                }[];
                /** @default false */
                gitRead?: boolean;
                /**
                 * @default safe
                 * @enum {string}
                 */
                methods?: "all" | "safe";
                /**
                 * @default none
                 * @enum {string}
                 */
                preset?: "none" | "common" | "all";
            } | null;
            networkDeny?: {
                credential?: string;
                host: string;
                internal?: boolean;
                methods?: string[];
                path?: string;
                port?: number;
                /** @enum {string} */
                protocol?: "http" | "tcp";
                /** @enum {string} */
                tls?: "inspect" | "passthrough";
            }[];
            /** Format: uri */
            publicUrl?: string | null;
            redactQueries?: boolean;
            resourceCeiling?: {
                cpus: number;
                diskMiB: number;
                memoryMiB: number;
                pids: number;
            };
            sessionIdleMinutes?: number;
            sessionMaxMinutes?: number;
            staticHosts?: {
                [key: string]: string[];
            };
            /** @enum {string} */
            tasksVisibleTo?: "environment" | "creator";
            transcriptRetentionDays?: number | null;
            upstreamCas?: string[];
            upstreamProxy?: string | null;
            zeroRetentionMinutes?: number | null;
        };
        SignedIn: {
            sessionId: string;
            userId: string;
        };
        SignInProvider: {
            clientId: string;
            /** Format: date-time */
            createdAt: string;
            /** @enum {string} */
            defaultRole: "member" | "viewer";
            displayName: string;
            emailDomains: string[];
            enabled: boolean;
            groupClaim: string | null;
            groups: {
                groupId: string;
                value: string;
            }[];
            hasSecret: boolean;
            id: string;
            issuer: string;
            name: string;
            scopes: string[];
            /** Format: date-time */
            updatedAt: string;
        };
        SignInProviderChange: {
            clientId?: string;
            /** @description Written, never read. null: none */
            clientSecret?: string | null;
            /**
             * @description Of people who are new
             * @enum {string}
             */
            defaultRole?: "member" | "viewer";
            /** @description What people read; absent: the name */
            displayName?: string;
            /** @description Of verified addresses; none: all are let in */
            emailDomains?: string[];
            enabled?: boolean;
            /** @description The claim that names groups, or the way to it: realm_access.roles. null: none does */
            groupClaim?: string | null;
            /** @description Who has this value in the claim is in that group */
            groups?: {
                groupId: string;
                value: string;
            }[];
            scopes?: string[];
        };
        Task: {
            agent: string;
            branch: string | null;
            /** @description What is gone of it, since when and why: transcript (title, prompts, log, answers), changes (diffs, sessions, pictures) or ledger. Absent while everything is there */
            contentRemoved: {
                /** Format: date-time */
                at: string;
                /** @enum {string} */
                kind: "transcript" | "changes" | "ledger";
                sentence: string;
                /** @enum {string} */
                why: "retention" | "zero-retention" | "person-deleted";
            }[];
            /** Format: date-time */
            createdAt: string;
            creator: string;
            creatorName: string;
            environment: string;
            environmentName: string;
            id: string;
            /** @enum {string} */
            mode: "ask" | "code" | "review";
            product: string;
            /** @enum {string} */
            state: "queued" | "preparing" | "running" | "collecting" | "succeeded" | "failed" | "cancelled";
            title: string;
            turns: {
                attempts: components["schemas"]["Attempt"][];
                id: string;
                images: number;
                prompt: string;
            }[];
        };
        TaskHead: {
            /** Format: date-time */
            createdAt: string;
            creator: string;
            creatorName: string;
            environment: string;
            environmentName: string;
            id: string;
            /** @enum {string} */
            mode: "ask" | "code" | "review";
            product: string;
            /** @enum {string} */
            state: "queued" | "preparing" | "running" | "collecting" | "succeeded" | "failed" | "cancelled";
            title: string;
        };
        Token: {
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            expiresAt: string | null;
            id: string;
            /** Format: date-time */
            lastUsedAt: string | null;
            name: string;
            permissions: ("cloud.use" | "local.use" | "environments.manage" | "environments.internet" | "environments.admin" | "reviews.manage" | "analytics.read" | "members.manage" | "settings.manage" | "audit.read")[] | null;
            prefix: string;
            scopes: ("read" | "write" | "admin")[];
        };
        TokenSignIn: {
            token?: string;
        };
        User: {
            /** Format: date-time */
            createdAt: string;
            disabled: boolean;
            email: string;
            emailVerified: boolean;
            groups: {
                id: string;
                name: string;
            }[];
            id: string;
            /** @enum {string} */
            kind: "person" | "service";
            name: string;
            /** @description All that they have, from wherever */
            permissions: ("cloud.use" | "local.use" | "environments.manage" | "environments.internet" | "environments.admin" | "reviews.manage" | "analytics.read" | "members.manage" | "settings.manage" | "audit.read")[];
            /**
             * @description The built-in role; groups and other roles add to it
             * @enum {string}
             */
            role: "owner" | "admin" | "member" | "viewer";
            /** @description Those that were given to them and not to their groups */
            roles: {
                id: string;
                name: string;
            }[];
        };
        UserChange: {
            disabled?: boolean;
            name?: string;
            /**
             * @description The built-in role; groups and other roles add to it
             * @enum {string}
             */
            role?: "owner" | "admin" | "member" | "viewer";
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
