package bot

import (
	"testing"

	"rosey/bot/cytube"
	"rosey/events"
)

func BenchmarkTranslate(b *testing.B) {
	for _, bm := range []struct{ event, arg string }{
		{"chatMsg", `{"username":"alice","msg":"it is 5 &gt; 3 and <strong>true</strong>","meta":{},"time":1795281702251}`},
		{"mediaUpdate", `{"currentTime":5.003,"paused":false}`},
		{"addUser", `{"name":"alice","rank":1,"profile":{"image":"","text":""},"meta":{"afk":false,"muted":false,"smuted":false,"aliases":["alice"],"ip":"+Jk.5td.NP3.KZw"}}`},
	} {
		b.Run("event="+bm.event, func(b *testing.B) {
			tr := newTestTranslator()
			f := cytube.Frame{Event: bm.event, Args: raws(bm.arg), At: t0}
			b.ReportAllocs()
			for b.Loop() {
				for _, e := range tr.Translate(f) {
					if _, err := events.Encode(e); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
