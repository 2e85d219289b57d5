/** How requests prove who they are; `open` trusts this machine and no other. */
export type AccessMode =
  | { readonly kind: 'open' }
  | { readonly kind: 'secret'; readonly secret: string }
  | {
      readonly kind: 'jwks';
      readonly url: URL;
      /** Required values of `iss` and `aud`; null takes any that the key set signs. */
      readonly issuer: string | null;
      readonly audience: string | null;
    };

/** HS256 wants a key as long as its hash (RFC 7518, 3.2). */
export const SECRET_BYTES_MIN = 32;
