package outbound

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
)

func TestDecode_IsTheInverseOfEncode(t *testing.T) {
	t.Parallel()
	// Every field set, so that a forgotten one is noticed.
	var m Message
	v := reflect.ValueOf(&m).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("text \u0000 <" + v.Type().Field(i).Name + "> ä😀")
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(i + 1))
		case reflect.Uint64:
			f.SetUint(uint64(i + 1))
		}
	}
	m.State, m.Channel = Sending, "a b"
	value, err := encode(m, "nonce")
	if err != nil {
		t.Fatal(err)
	}
	s, err := decode(keyOf(m.Channel, m.ID), value, m.Revision)
	if err != nil || s.Message != m || s.Write != "nonce" {
		t.Errorf("%+v came back as %+v, %v", m, s, err)
	}
}

// The longest text takes most room where every character is escaped.
func TestDecode_TheLongestText(t *testing.T) {
	t.Parallel()
	m := Message{ID: MaxID, Channel: "lounge", Text: strings.Repeat("<", MaxText), Key: strings.Repeat("<", MaxKey), Reason: strings.Repeat("<", maxReason), State: Sending}
	value, err := encode(m, strings.Repeat("x", 26))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := decode(keyOf(m.Channel, m.ID), value, 1); err != nil || s.Text != m.Text {
		t.Errorf("%d bytes: %v", len(value), err)
	}
}

func TestDecode_ForeignValues(t *testing.T) {
	t.Parallel()
	good := `{"id":7,"channel":"lounge","message":"x","state":"queued","queued_ms":1,"attempts":0,"from a later version":{}}`
	if _, err := decode("lounge.7", []byte(good), 3); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for _, tt := range []struct{ key, value string }{
		{"lounge.8", good},
		{"lounge.07", good},
		{"lounge.+7", good},
		{"other.7", good},
		{"lounge", good},
		{"lounge.7.1", good},
		{"lounge.0", good},
		{"lounge.9007199254740992", good},
		{"lounge.7", ""},
		{"lounge.7", "null"},
		{"lounge.7", "[]"},
		{"lounge.7", "\x00\x01\xff"},
		{"lounge.7", `{"id":7,"channel":"lounge","message":"x","state":"paused","queued_ms":1}`},
		{"lounge.7", `{"id":7,"channel":"lounge","message":"","state":"queued","queued_ms":1}`},
		{"lounge.7", `{"id":7,"channel":"lounge","message":"x","state":"queued","attempts":-1}`},
		{"lounge.7", `{"id":7,"channel":"lounge","message":"` + strings.Repeat("x", 200<<10) + `","state":"queued"}`},
		{"lounge.7", `{"id":"7","channel":"lounge","message":"x","state":"queued"}`},
	} {
		if _, err := decode(tt.key, []byte(tt.value), 3); !errors.Is(err, ErrForeign) {
			t.Errorf("%s %s: %v, want ErrForeign", tt.key, tt.value, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("lounge.7", []byte(`{"id":7,"channel":"lounge","message":"x","state":"queued","queued_ms":1,"attempts":0}`))
	f.Add("=.1", []byte(`{"id":1,"channel":"","message":"x","state":"sent"}`))
	f.Add("a=20b.1", []byte(`{"id":1,"channel":"a b","message":"x","state":"sent","position":18446744073709551615}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s, err := decode(key, value, 5)
		if err != nil {
			if !errors.Is(err, ErrForeign) {
				t.Errorf("%v is not ErrForeign", err)
			}
			return
		}
		m := s.Message
		if keyOf(m.Channel, m.ID) != key || !m.State.Known() || m.Text == "" || m.Position == 0 {
			t.Errorf("%q %q: %+v", key, value, m)
		}
		again, err := encode(m, s.Write)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decode(key, again, 5); err != nil || !reflect.DeepEqual(back, s) {
			t.Errorf("%+v came back as %+v, %v", s, back, err)
		}
	})
}

func TestKeyID_IsInRange(t *testing.T) {
	t.Parallel()
	if keyID("a", "bc") == keyID("ab", "c") {
		t.Error("two keys have one id")
	}
	err := quick.Check(func(channel, key string) bool {
		id := keyID(channel, key)
		return id > 0 && id <= MaxID && id == keyID(channel, key)
	}, nil)
	if err != nil {
		t.Error(err)
	}
}
