// Package token makes access tokens. The user keeps the token, the shop keeps
// only its hash.
package token

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of one hash: 19 MiB of memory, two passes, one thread.
const (
	memory  = 19 * 1024 // KiB
	passes  = 2
	threads = 1
	size    = 32
)

var encoding = base64.RawStdEncoding

// New returns a random token for name.
func New(name string) string {
	return name + "." + rand.Text()
}

// Hash returns the Argon2id hash of a token in the usual $-separated form.
func Hash(token string) string {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	return fmt.Sprintf("%s$%s$%s", header(), encoding.EncodeToString(salt), encoding.EncodeToString(key(token, salt)))
}

// Verify says whether hash was made from token, with the cost of today.
func Verify(token, hash string) (bool, error) {
	rest, found := strings.CutPrefix(hash, header()+"$")
	if !found {
		return false, errors.New("this is no hash of this shop")
	}
	saltText, keyText, _ := strings.Cut(rest, "$")
	salt, err := encoding.DecodeString(saltText)
	if err != nil {
		return false, fmt.Errorf("the salt: %w", err)
	}
	want, err := encoding.DecodeString(keyText)
	if err != nil {
		return false, fmt.Errorf("the key: %w", err)
	}
	return subtle.ConstantTimeCompare(key(token, salt), want) == 1, nil
}

func header() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d", argon2.Version, memory, passes, threads)
}

func key(token string, salt []byte) []byte {
	return argon2.IDKey([]byte(token), salt, passes, memory, threads, size)
}
