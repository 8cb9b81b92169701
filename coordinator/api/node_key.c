/* node_key.c: see api/node_key.h. */
#include <api/node_key.h>

#include <stdbool.h>
#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

int node_key_make(uint8_t ret_private[NODE_KEY_BYTES], uint8_t ret_public[NODE_KEY_BYTES])
{
    size_t len = NODE_KEY_BYTES;
    if (RAND_bytes(ret_private, (int)NODE_KEY_BYTES) != 1)
        return TROTH_ERROR_SYSTEM;
    EVP_PKEY *own =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, ret_private, NODE_KEY_BYTES);
    bool good = own != NULL && EVP_PKEY_get_raw_public_key(own, ret_public, &len) == 1 &&
                len == NODE_KEY_BYTES;
    EVP_PKEY_free(own);
    return good ? 0 : TROTH_ERROR_SYSTEM;
}

/* What both agree on is no key yet: its digest is. */
static int agree(EVP_PKEY *own, EVP_PKEY *other, uint8_t ret_shared[NODE_KEY_BYTES])
{
    uint8_t point[NODE_KEY_BYTES];
    size_t len = sizeof point;
    unsigned digested = 0;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    int error = TROTH_ERROR_SYSTEM;
    if (context != NULL && EVP_PKEY_derive_init(context) == 1) {
        bool agreed = EVP_PKEY_derive_set_peer(context, other) == 1 &&
                      EVP_PKEY_derive(context, point, &len) == 1; /* not a point of low order */
        bool made =
            agreed && EVP_Digest(point, len, ret_shared, &digested, EVP_sha256(), NULL) == 1;
        error = !agreed ? TROTH_ERROR_INVALID : made ? 0 : TROTH_ERROR_SYSTEM;
    }
    EVP_PKEY_CTX_free(context);
    return error;
}

int node_key_share(const uint8_t private[NODE_KEY_BYTES], const uint8_t public[NODE_KEY_BYTES],
                   uint8_t ret_shared[NODE_KEY_BYTES])
{
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private, NODE_KEY_BYTES);
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public, NODE_KEY_BYTES);
    int error = own != NULL && other != NULL ? agree(own, other, ret_shared) : TROTH_ERROR_SYSTEM;
    EVP_PKEY_free(own);
    EVP_PKEY_free(other);
    return error;
}

int node_key_mac(const uint8_t shared[NODE_KEY_BYTES], struct troth_span text,
                 char ret_mac[NODE_MAC_TEXT_LEN + 1])
{
    uint8_t mac[NODE_KEY_BYTES];
    unsigned len = 0;
    if (HMAC(EVP_sha256(), shared, (int)NODE_KEY_BYTES, (const unsigned char *)text.data, text.len,
             mac, &len) == NULL ||
        len != NODE_KEY_BYTES)
        return TROTH_ERROR_SYSTEM;
    for (size_t i = 0; i < NODE_KEY_BYTES; i++)
        (void)snprintf(ret_mac + 2 * i, 3, "%02x", mac[i]);
    return 0;
}
