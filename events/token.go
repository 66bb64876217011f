package events

import (
	"fmt"
	"strings"
)

// Token encodes any name as one subject token: letters, digits, "-" and "_"
// stand for themselves, every other byte becomes "=XX" in hexadecimal. The
// empty name is "=". Two names never share a token.
func Token(name string) string {
	if name == "" {
		return "="
	}
	safe := true
	for i := 0; i < len(name); i++ {
		if !plainTokenByte(name[i]) {
			safe = false
			break
		}
	}
	if safe {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if c := name[i]; plainTokenByte(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// ParseToken is the inverse of Token; it reports false for a text that Token
// does not produce.
func ParseToken(token string) (string, bool) {
	if token == "=" {
		return "", true
	}
	if token == "" {
		return "", false
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		switch {
		case plainTokenByte(c):
			b = append(b, c)
		case c == '=' && i+2 < len(token):
			hi, lo := unhex(token[i+1]), unhex(token[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			v := byte(hi<<4 | lo)
			if plainTokenByte(v) {
				return "", false
			}
			b = append(b, v)
			i += 2
		default:
			return "", false
		}
	}
	return string(b), true
}

func plainTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
