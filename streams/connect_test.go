package streams_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/embedded"
	"rosey/streams/streamstest"

	"github.com/nats-io/nkeys"
)

func TestConnect_CausesAreToldApart(t *testing.T) {
	t.Parallel()
	withUser := streamstest.ExternalServer(t, streamstest.ExternalOptions{
		Config: `authorization { users = [ {user: bot, password: "right"} ] }`,
	})
	withToken := streamstest.ExternalServer(t, streamstest.ExternalOptions{Config: `authorization { token: "right" }`})
	cert := newCertificates(t)
	withTLS := streamstest.ExternalServer(t, streamstest.ExternalOptions{
		Config: fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }", cert.cert, cert.key, cert.ca),
	})
	seed, public := newNKey(t)
	withNKey := streamstest.ExternalServer(t, streamstest.ExternalOptions{
		Config: fmt.Sprintf("authorization { users = [ {nkey: %s} ] }", public),
	})
	withoutJetStream := streamstest.ExternalServer(t, streamstest.ExternalOptions{
		Config: `accounts { A { users = [ {user: a, password: a} ] } }`,
	})
	stopped := streamstest.ExternalServer(t, streamstest.ExternalOptions{Stopped: true})
	tests := []struct {
		name string
		cfg  streams.Config
		want error
	}{
		{"nobody there", streams.Config{URLs: []string{stopped.URL()}}, streams.ErrUnreachable},
		{"wrong password", streams.Config{URLs: []string{withUser.URL()}, User: "bot", Password: "wrong"}, streams.ErrAuth},
		{"no password", streams.Config{URLs: []string{withUser.URL()}}, streams.ErrAuth},
		{"right password", streams.Config{URLs: []string{withUser.URL()}, User: "bot", Password: "right"}, nil},
		{"one of several servers", streams.Config{URLs: []string{stopped.URL(), withUser.URL()}, User: "bot", Password: "right"}, nil},
		{"wrong token", streams.Config{URLs: []string{withToken.URL()}, Token: "wrong"}, streams.ErrAuth},
		{"right token", streams.Config{URLs: []string{withToken.URL()}, Token: "right"}, nil},
		{"nkey", streams.Config{URLs: []string{withNKey.URL()}, NKeyFile: seed}, nil},
		{"unknown authority", streams.Config{URLs: []string{withTLS.URL()}}, streams.ErrTLS},
		{"no client certificate", streams.Config{URLs: []string{withTLS.URL()}, TLS: streams.TLS{CA: cert.ca}}, streams.ErrTLS},
		{"certificates", streams.Config{
			URLs: []string{withTLS.URL()}, TLS: streams.TLS{CA: cert.ca, Cert: cert.cert, Key: cert.key},
		}, nil},
		{"tls against a plain server", streams.Config{
			URLs: []string{withToken.URL()}, Token: "right", TLS: streams.TLS{CA: cert.ca},
		}, streams.ErrTLS},
		{"no jetstream", streams.Config{URLs: []string{withoutJetStream.URL()}, User: "a", Password: "a"}, streams.ErrNoJetStream},
		{"missing credentials file", streams.Config{URLs: []string{withUser.URL()}, CredsFile: "/does/not/exist"}, os.ErrNotExist},
		{"missing nkey file", streams.Config{URLs: []string{withUser.URL()}, NKeyFile: "/does/not/exist"}, os.ErrNotExist},
		{"missing authority file", streams.Config{URLs: []string{withUser.URL()}, TLS: streams.TLS{CA: "/does/not/exist"}}, os.ErrNotExist},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := streams.Connect(t.Context(), test.cfg)
			if err == nil {
				defer c.Close()
			}
			if !errors.Is(err, test.want) {
				t.Fatalf("connect: %v, want %v", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "wrong") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

type certificates struct{ ca, cert, key string }

// newCertificates makes an authority and one certificate for both sides.
func newCertificates(t *testing.T) certificates {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	caKey, key := newKey(), newKey()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return certificates{
		ca: write("ca.pem", "CERTIFICATE", caDER), cert: write("cert.pem", "CERTIFICATE", leafDER),
		key: write("key.pem", "EC PRIVATE KEY", keyDER),
	}
}

func newNKey(t *testing.T) (seedFile, public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	seedFile = filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(seedFile, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	return seedFile, public
}

func TestConfig_ValidateNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]streams.Config{
		"more than one way":  {Token: "t", User: "u"},
		"certificate needs":  {TLS: streams.TLS{Cert: "c"}},
		"is not a URL":       {URLs: []string{"nats:4222"}},
		"(unreadable addre":  {URLs: []string{"nats://user:secret%zz@host"}},
		"duration is negati": {Timeout: -1},
	}
	for want, cfg := range tests {
		err := cfg.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("validate: %v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a secret: %v", err)
		}
		if _, err := streams.Connect(t.Context(), cfg); err == nil {
			t.Errorf("connect with %q succeeded", want)
		}
	}
}

func TestConnect_SecretInAnAddressIsNotShown(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{Stopped: true})
	url := strings.Replace(server.URL(), "nats://", "nats://bot:hush@", 1)
	_, err := streams.Connect(t.Context(), streams.Config{URLs: []string{url}})
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("connect: %v, want an error without the password", err)
	}
}

// The bot starts while NATS is down, and goes on when it comes.
func TestConnect_WaitsForAServerThatComesLater(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{Stopped: true})
	c, err := streams.Connect(t.Context(), streams.Config{
		URLs: []string{server.URL()}, WaitForServer: true, MaxReconnectWait: 50 * time.Millisecond, Timeout: time.Minute,
	})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(c.Close)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Connected(short); !errors.Is(err, context.DeadlineExceeded) || c.IsConnected() {
		t.Fatalf("connected: %v, want the context's end", err)
	}
	if _, err := streams.Open(t.Context(), c); err == nil {
		t.Error("a stream was opened without a server")
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	long, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := c.Connected(long); err != nil {
		t.Fatal(err)
	}
	s, _, err := streams.Setup(t.Context(), c, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), line("p", 1)); err != nil {
		t.Error(err)
	}
}

func TestConn_CloseWhileWaitingEndsIt(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{Stopped: true})
	c, err := streams.Connect(t.Context(), streams.Config{URLs: []string{server.URL()}, WaitForServer: true})
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- c.Connected(t.Context()) }()
	c.Close()
	if err := <-waited; err == nil {
		t.Error("a closed connection is connected")
	}
	select {
	case <-c.Closed():
	default:
		t.Error("closed is not reported")
	}
}

// The server may be silent for ever, and the end is not to wait for it.
func TestConn_CloseBesideASilentServerEnds(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithPort())
	u, err := url.Parse(env.Server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	p := streamstest.NewProxy(t, u.Host)
	user, password := env.Server.Credentials()
	var said suite.Output
	c, err := streams.Connect(t.Context(), streams.Config{
		URLs: []string{p.URL()}, User: user, Password: password, Logger: slog.New(slog.NewTextHandler(&said, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Open(t.Context(), c); err != nil { // its answers come by a subscription
		t.Fatal(err)
	}
	p.Swallow(true, true)
	c.Close()
	<-c.Closed()
	if got := said.String(); !strings.Contains(got, "the server has not answered") || strings.Contains(got, "draining connection timed out") {
		t.Errorf("it says %q, want that it did not wait to the end", got)
	}
}

func TestConn_WarningsNameWhatTheServerLacks(t *testing.T) {
	t.Parallel()
	if got := streamstest.New(t, streamstest.WithSync()).Conn.Warnings(); len(got) != 0 {
		t.Errorf("an embedded server as designed is warned about: %q", got)
	}
	if got := streamstest.New(t).Conn.Warnings(); len(got) != 1 || !strings.Contains(got[0], "power cut") {
		t.Errorf("lazy embedded server: %q", got)
	}
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{NoSync: true, Config: "max_payload: 1MB"})
	c, err := streams.Connect(t.Context(), streams.Config{URLs: []string{server.URL()}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, _, err := streams.Setup(t.Context(), c, streams.StreamOptions{MaxBytesIfNew: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	got := c.Warnings()
	if len(got) != 2 || !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "one replica") }) ||
		!slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "1048576 bytes") }) {
		t.Errorf("external server: %q", got)
	}
}

// A denied call looks like a time-out to the client.
func TestOpen_DeniedCallIsReportedAsSuch(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{Config: `authorization { users = [
		{user: admin, password: admin}
		{user: weak, password: weak, permissions: { publish: ["$JS.API.INFO", "rosey.db.>"] }}
	] }`})
	weak, err := streams.Connect(t.Context(), streams.Config{
		URLs: []string{server.URL()}, User: "weak", Password: "weak", Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(weak.Close)
	_, err = streams.Open(t.Context(), weak)
	var denied *streams.PermissionError
	if !errors.As(err, &denied) || denied.Subject != "$JS.API.STREAM.INFO.ROSEY" ||
		!strings.Contains(err.Error(), "permissions violation: publish to $JS.API.STREAM.INFO.ROSEY") {
		t.Errorf("open: %v, want the denied subject", err)
	}
}

func TestConn_InProcessFollowsTheCurrentServer(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithServer(func(c *embedded.Config) { c.MaxPayload = 2 << 20 }))
	for i := 1; i <= 3; i++ {
		if err := env.Server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		for {
			if _, err := env.Stream.Append(ctx, line("p", i)); err == nil {
				break
			} else if ctx.Err() != nil {
				t.Fatal(err)
			}
			if err := env.Conn.Connected(ctx); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
	}
	if state, err := env.Stream.State(t.Context()); err != nil || state.LastSeq != 3 {
		t.Errorf("state: %+v, %v", state, err)
	}
}
