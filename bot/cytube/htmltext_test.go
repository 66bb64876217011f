package cytube

import "testing"

func TestPlainText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{"5 &gt; 3 &amp; 2 &lt; 4", "5 > 3 & 2 < 4"},
		{"&amp;amp; &amp;lt;b&amp;gt; &amp;#39;", "&amp; &lt;b&gt; &#39;"},
		{"&quot;&#39;&#40;&#41;&quot;", `"'()"`},
		{"<strong>bold</strong> <em>it</em>", "bold it"},
		{`<a href="http://e.com/?a=1&amp;b=2" target="_blank">http://e.com/?a=1&amp;b=2</a>`, "http://e.com/?a=1&b=2"},
		{`&lt;script&gt;alert("x")&lt;/script&gt;`, `<script>alert("x")</script>`},
		{"<span class=\"spoiler\">the <b>butler</b></span>", "the butler"},
		{"<title>a &amp; b</title><textarea>c &lt;</textarea>", "a & bc <"},
		{"cut \uFFFD", "cut \uFFFD"},
		{"<b>a\r\nb\tc\x00\x07</b>", "a\r\nb\tc\x00\x07"},
		{"a\r&amp;\r\nb", "a\r&\r\nb"},
		{"<3 &lt;3", "<3 <3"},
		{"😀👩‍👩‍👧‍👦 &amp; 猫", "😀👩‍👩‍👧‍👦 & 猫"},
		{"<!-- hidden -->seen", "seen"},
		{"  blanks  ", "  blanks  "},
	} {
		if got := PlainText(tt.in); got != tt.want {
			t.Errorf("PlainText(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzPlainText(f *testing.F) {
	f.Add("<b>&amp;amp;</b>")
	f.Add("<a href='x>&lt;")
	f.Add("<plaintext>&amp;")
	f.Fuzz(func(t *testing.T, s string) {
		got := PlainText(s)
		if len(got) > 3*len(s)+3 {
			t.Errorf("%d bytes became %d", len(s), len(got))
		}
	})
}
