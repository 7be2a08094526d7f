package token

import (
	"strings"
	"testing"
)

func TestAHashFitsItsTokenOnly(t *testing.T) {
	mine, other := New("anna"), New("anna")
	if mine == other {
		t.Fatal("two tokens are the same")
	}
	hash := Hash(mine)
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %s", hash)
	}
	if ok, err := Verify(mine, hash); !ok || err != nil {
		t.Errorf("the token: %t, %v", ok, err)
	}
	if ok, err := Verify(other, hash); ok || err != nil {
		t.Errorf("another token: %t, %v", ok, err)
	}
}

func TestHashesAreSalted(t *testing.T) {
	if Hash("anna.secret") == Hash("anna.secret") {
		t.Error("the same token has the same hash twice")
	}
}

func TestVerifyRefusesWhatIsNoHash(t *testing.T) {
	for _, hash := range []string{"", "$2a$10$abc", header() + "$!$AAAA", header() + "$AAAA$!"} {
		if ok, err := Verify("anna.secret", hash); ok || err == nil {
			t.Errorf("%q: %t, %v", hash, ok, err)
		}
	}
}
