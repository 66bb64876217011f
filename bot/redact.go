package bot

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"

	"github.com/go-faster/jx"
)

// redacted stands in the place of whatever must not be stored.
const redacted = "[redacted]"

// A redaction writes the field of a sensitive key, or what may be kept of it.
type redaction func(w *jx.Encoder, key string, value json.RawMessage)

// redactions lists, for each CyTube event, the keys whose values must not be
// stored, wherever in the arguments they stand.
var redactions = map[string]map[string]redaction{
	// Sent to everybody in the channel, in clear.
	"channelOpts": {"password": hideText},
	"login":       {"pw": hideText, "password": hideText},
	// Text full of addresses and names used from them.
	"readChanLog": {"data": hideLog},
	// May name an address that cannot be banned, or already is.
	"errorMsg": {"msg": hideAddresses},
	"costanza": {"msg": hideAddresses},
}

// everywhere holds for all events: a moderator is shown addresses and aliases
// with each user and in the list of bans.
var everywhere = map[string]redaction{"ip": hideAddress, "aliases": hideAll}

// noticeRedactions hold for chat lines that no person wrote. A person's words
// are never searched for addresses.
var noticeRedactions = map[string]redaction{"msg": hideNotice}

// sensitive is what the keys above look like on the wire. An escape may hide one.
var (
	escape    = []byte(`\u00`)
	sensitive = [][]byte{[]byte(`"ip"`), []byte(`"aliases"`), escape}
)

// redact returns the arguments of a CyTube event without its secrets. Arguments
// without any are returned as they are, to the byte.
func redact(event string, args []json.RawMessage) []json.RawMessage {
	rules := redactions[event]
	if event == "chatMsg" && len(args) > 0 && isNotice(args[0]) {
		rules = noticeRedactions
	}
	out := args
	for i, arg := range args {
		if rules == nil && !mentionsSensitive(arg) {
			continue
		}
		if &out[0] == &args[0] {
			out = append([]json.RawMessage(nil), args...)
		}
		out[i] = redactArg(rules, arg)
	}
	return out
}

func mentionsSensitive(arg json.RawMessage) bool {
	for _, s := range sensitive {
		if bytes.Contains(arg, s) {
			return true
		}
	}
	return false
}

// isNotice reports whether a chat line comes from the server: no user's name can
// hold a bracket.
func isNotice(arg json.RawMessage) bool {
	if !bytes.Contains(arg, []byte(`"[`)) && !bytes.Contains(arg, escape) {
		return false
	}
	var line struct {
		Username string `json:"username"`
	}
	return json.Unmarshal(arg, &line) == nil && noticeName(line.Username) != ""
}

// noticeName is the speaker of a notice without the brackets, empty for a person.
func noticeName(username string) string {
	if len(username) > 2 && username[0] == '[' && username[len(username)-1] == ']' {
		return username[1 : len(username)-1]
	}
	return ""
}

// redactArg rewrites one argument. What cannot be read is hidden whole: it may
// hold what it must not.
func redactArg(rules map[string]redaction, arg json.RawMessage) json.RawMessage {
	var w jx.Encoder
	if err := rewrite(jx.DecodeBytes(arg), &w, rules); err != nil {
		return json.RawMessage(`"` + redacted + `"`)
	}
	return w.Bytes()
}

func rewrite(d *jx.Decoder, w *jx.Encoder, rules map[string]redaction) error {
	switch d.Next() {
	case jx.Object:
		w.ObjStart()
		err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
			rule := rules[string(key)]
			if rule == nil {
				rule = everywhere[string(key)]
			}
			if rule == nil {
				w.FieldStart(string(key))
				return rewrite(d, w, rules)
			}
			name := string(key) // the decoder's buffer moves on
			value, err := d.Raw()
			if err != nil {
				return err
			}
			rule(w, name, json.RawMessage(value))
			return nil
		})
		w.ObjEnd()
		return err
	case jx.Array:
		w.ArrStart()
		err := d.Arr(func(d *jx.Decoder) error { return rewrite(d, w, rules) })
		w.ArrEnd()
		return err
	default:
		value, err := d.Raw()
		if err != nil {
			return err
		}
		w.Raw(value)
		return nil
	}
}

func hideAll(w *jx.Encoder, key string, _ json.RawMessage) {
	w.FieldStart(key)
	w.Str(redacted)
}

// hideText hides a secret but keeps that there is none: false or null.
func hideText(w *jx.Encoder, key string, value json.RawMessage) {
	if string(value) != "false" && string(value) != "null" {
		hideAll(w, key, value)
		return
	}
	w.FieldStart(key)
	w.Raw(jx.Raw(value))
}

// hideAddress hides an address but keeps "*", which says that there is none: the
// ban is of a name.
func hideAddress(w *jx.Encoder, key string, value json.RawMessage) {
	if string(value) != `"*"` {
		hideAll(w, key, value)
		return
	}
	w.FieldStart(key)
	w.Raw(jx.Raw(value))
}

// hideLog hides a log but keeps its size.
func hideLog(w *jx.Encoder, key string, value json.RawMessage) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		text = string(value)
	}
	hideAll(w, key, value)
	w.FieldStart(key + "_bytes")
	w.Int(len(text))
}

func hideAddresses(w *jx.Encoder, key string, value json.RawMessage) {
	replaceText(w, key, value, redactAddresses)
}

func hideNotice(w *jx.Encoder, key string, value json.RawMessage) {
	replaceText(w, key, value, func(text string) string {
		return redactAddresses(aliasList.ReplaceAllString(text, "(aliases: "+redacted+")"))
	})
}

// replaceText writes a text with parts of it replaced; what is no text is hidden.
func replaceText(w *jx.Encoder, key string, value json.RawMessage, replace func(string) string) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		hideAll(w, key, value)
		return
	}
	w.FieldStart(key)
	if clean := replace(text); clean != text {
		w.Str(clean)
		return
	}
	w.Raw(jx.Raw(value))
}

var (
	aliasList = regexp.MustCompile(`\(aliases: [^)]*\)`)

	// CyTube shows addresses cloaked: each part becomes a few characters of its
	// hash, and a range ends in "*".
	cloaked = regexp.MustCompile(`^(?:` +
		`[A-Za-z0-9+/_-]{3}(?:\.(?:[A-Za-z0-9+/_-]{3}|\*)){3}|` +
		`[A-Za-z0-9+/_-]{4}(?::(?:[A-Za-z0-9+/_-]{4}|\*)){3})$`)
	addressRange = regexp.MustCompile(`^\d{1,3}(?:\.(?:\d{1,3}|\*)){1,3}$`)
)

// redactAddresses replaces every address in a text, plain or cloaked.
func redactAddresses(text string) string {
	if !strings.ContainsAny(text, ".:") {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		n := 0
		for n < len(text) && addressByte(text[n]) {
			n++
		}
		if n == 0 {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		b.WriteString(redactWord(text[:n]))
		text = text[n:]
	}
	return b.String()
}

// redactWord replaces a word that is an address, and keeps what ends a clause.
func redactWord(word string) string {
	for _, ends := range []string{"", ".-", ".-:"} {
		if core := strings.TrimRight(word, ends); isAddress(core) {
			return redacted + word[len(core):]
		}
	}
	return word
}

func addressByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("+/_-.:*%", c) >= 0
}

func isAddress(word string) bool {
	if !strings.ContainsAny(word, ".:") {
		return false
	}
	if _, err := netip.ParseAddr(word); err == nil {
		return true
	}
	if _, err := netip.ParseAddrPort(word); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(word); err == nil {
		return true
	}
	return cloaked.MatchString(word) || addressRange.MatchString(word) && strings.Contains(word, "*")
}
