import { z } from 'zod';
import { withRules } from './cel.ts';
import { listAsSet, secretKey } from './values.ts';

const jwks = z
  .object({
    url: z
      .string()
      .max(2048)
      .regex(/^https?:\/\/[^\s]+$/)
      .describe('URL (http or https) of the JSON Web Key Set.'),
  })
  .describe('Public keys that tokens are checked with: RS, PS, ES (256, 384, 512) or EdDSA.');

/** Who may come in. */
export const auth = withRules(
  z
    .object({
      secretRef: secretKey(
        'Shared secret for tokens signed with HS256, HS384 or HS512: at least 16 bytes. Pods restart when it changes.',
        'jwt-secret',
      ).optional(),
      jwks: jwks.optional(),
      issuer: z.string().min(1).optional().describe('The `iss` that every token must carry. Unset: it is not checked.'),
      audience: z
        .string()
        .min(1)
        .optional()
        .describe('The `aud` that every token must carry. Unset: it is not checked.'),
      defaultScopes: listAsSet(
        z
          .array(z.enum(['read', 'write', 'admin']).describe('A scope.'))
          .max(3)
          .default([])
          .describe('Scopes of a token that names none.'),
      ),
      requireWorkspaceClaim: z
        .boolean()
        .default(false)
        .describe('Whether tokens without a `workspaces` claim are refused. Otherwise they open every workspace.'),
    })
    .describe('Who may come in: tokens are signed with a shared secret, or with keys of a JSON Web Key Set.'),
  {
    rule: 'has(self.secretRef) || has(self.jwks)',
    message: 'set secretRef (a Secret with the shared secret) or jwks.url, or both',
  },
);
