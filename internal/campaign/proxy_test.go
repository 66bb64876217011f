package campaign

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// echo answers each line with itself.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// caller speaks through a proxy.
type caller struct {
	net.Conn
	r *bufio.Reader
}

func call(t *testing.T, p *proxy) *caller {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &caller{c, bufio.NewReader(c)}
}

// says sends a line and returns the answer.
func (c *caller) says(line string, patience time.Duration) (string, error) {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	return c.r.ReadString('\n')
}

const long = 2 * time.Minute

func newTestProxy(t *testing.T) *proxy {
	t.Helper()
	address := echo(t)
	p, err := newProxy(func() (string, error) { return address, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func TestProxy_CutsWhatIsThere(t *testing.T) {
	t.Parallel()
	p := newTestProxy(t)
	a, b := call(t, p), call(t, p)
	for _, c := range []*caller{a, b} {
		if got, err := c.says("hello", long); got != "hello\n" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if n := p.cut(); n != 2 {
		t.Errorf("%d connections were cut, want 2", n)
	}
	if got, err := a.says("hello", long); err == nil {
		t.Errorf("a cut line answers %q", got)
	}
	if got, err := call(t, p).says("again", long); got != "again\n" {
		t.Errorf("a new line answers %q, %v", got, err)
	}
}

func TestProxy_FrozenLinesAreSilentAndNewOnesWork(t *testing.T) {
	t.Parallel()
	p := newTestProxy(t)
	a := call(t, p)
	if got, err := a.says("hello", long); got != "hello\n" {
		t.Fatalf("%q, %v", got, err)
	}
	silent := p.freeze()
	if len(silent) != 1 {
		t.Fatalf("%d lines are silent", len(silent))
	}
	var timeout net.Error
	if got, err := a.says("hello", 100*time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a frozen line answers %q, %v", got, err)
	}
	if got, err := call(t, p).says("again", long); got != "again\n" {
		t.Errorf("a new line answers %q, %v", got, err)
	}
	silent[0].cut()
	if _, err := a.says("hello", long); err == nil {
		t.Error("a line that was cut works")
	}
}

func TestProxy_LosesTheAnswerAfterTheRequestWasPassedOn(t *testing.T) {
	t.Parallel()
	p := newTestProxy(t)
	a := call(t, p)
	sprung := p.lose(toClient, "secret")
	if got, err := a.says("hello", long); got != "hello\n" {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err := a.says("a secret", long); err == nil {
		t.Errorf("the answer is %q", got)
	}
	select {
	case <-sprung:
	default:
		t.Error("nobody was told")
	}
	if got, err := call(t, p).says("a secret", long); got != "a secret\n" {
		t.Errorf("the next answer is %q, %v", got, err)
	}
	p.lose(toServer, "secret")
	p.disarm()
	if got, err := call(t, p).says("a secret", long); got != "a secret\n" {
		t.Errorf("after disarming the answer is %q, %v", got, err)
	}
}
