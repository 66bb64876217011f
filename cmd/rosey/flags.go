package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/embedded"
)

const defaultData = "./rosey-data"

// dataFlag names the data folder.
type dataFlag struct {
	Data string `help:"Data folder: rosey.db, spool, stream." default:"${data}" env:"ROSEY_DATA" placeholder:"DIR"`
}

func (f dataFlag) dir() (installation.Dir, error) {
	if f.Data == "" {
		// It would be the current folder, which is hardly what was meant.
		return "", advise(errors.New("--data names no folder: it is empty"), "--data DIR, or leave it out for %s", defaultData)
	}
	abs, err := filepath.Abs(f.Data)
	if err != nil {
		return "", fmt.Errorf("data folder %s: %w", f.Data, err)
	}
	return installation.Dir(abs), nil
}

// logFlags say what is told on the side.
type logFlags struct {
	LogLevel string `help:"What to log: debug, info, warn, error, or auto for what suits the command." enum:"debug,info,warn,error,auto" default:"auto" env:"ROSEY_LOG_LEVEL" placeholder:"LEVEL"`
	LogJSON  bool   `name:"log-json" help:"Log as JSON." env:"ROSEY_LOG_JSON"`
}

func (f logFlags) logger(w io.Writer, auto slog.Level) *slog.Logger {
	level := auto
	if f.LogLevel != "auto" && f.LogLevel != "" {
		_ = level.UnmarshalText([]byte(f.LogLevel))
	}
	opts := &slog.HandlerOptions{Level: level}
	if f.LogJSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// natsFlags name an external server and how to log in there.
type natsFlags struct {
	Nats             []string `help:"External NATS servers instead of the data folder's own." env:"ROSEY_NATS" placeholder:"URL" group:"External NATS server"`
	NatsUser         string   `help:"User name." env:"ROSEY_NATS_USER" placeholder:"NAME" group:"External NATS server"`
	NatsPasswordFile string   `help:"File with the password." env:"ROSEY_NATS_PASSWORD_FILE" type:"path" placeholder:"FILE" group:"External NATS server"`
	NatsTokenFile    string   `help:"File with a token." env:"ROSEY_NATS_TOKEN_FILE" type:"path" placeholder:"FILE" group:"External NATS server"`
	NatsNkey         string   `name:"nats-nkey" help:"File with an NKey seed." env:"ROSEY_NATS_NKEY" type:"path" placeholder:"FILE" group:"External NATS server"`
	NatsCreds        string   `help:"Credentials file." env:"ROSEY_NATS_CREDS" type:"path" placeholder:"FILE" group:"External NATS server"`
	NatsCa           string   `name:"nats-ca" help:"Own certificate authority." env:"ROSEY_NATS_CA" type:"path" placeholder:"FILE" group:"External NATS server"`
	NatsCert         string   `help:"Client certificate." env:"ROSEY_NATS_CERT" type:"path" placeholder:"FILE" group:"External NATS server"`
	NatsKey          string   `help:"Key of the client certificate." env:"ROSEY_NATS_KEY" type:"path" placeholder:"FILE" group:"External NATS server"`
}

func (f natsFlags) external() bool { return len(f.Nats) > 0 }

func (f natsFlags) config(log *slog.Logger) (streams.Config, error) {
	cfg := streams.Config{
		URLs: f.Nats, User: f.NatsUser, NKeyFile: f.NatsNkey, CredsFile: f.NatsCreds, Logger: log,
		TLS: streams.TLS{CA: f.NatsCa, Cert: f.NatsCert, Key: f.NatsKey},
	}
	if err := (streams.Config{URLs: f.Nats}).Validate(); err != nil {
		return cfg, advise(fmt.Errorf("--nats: %w", err), "--nats nats://HOST:4222")
	}
	var err error
	if f.NatsPasswordFile != "" {
		cfg.Password, err = secret(f.NatsPasswordFile)
	}
	if f.NatsTokenFile != "" && err == nil {
		cfg.Token, err = secret(f.NatsTokenFile)
	}
	return cfg, err
}

// explain adds the next step to what only these flags can name.
func (f natsFlags) explain(err error) error {
	var given *adviceError
	if !f.external() || errors.As(err, &given) {
		return err
	}
	if errors.Is(err, streams.ErrNoStream) || errors.Is(err, streams.ErrNoIdentity) {
		return advise(err, "rosey stream setup --nats %s   (with the credentials of an administrator)", shell(strings.Join(f.Nats, ",")))
	}
	return err
}

// attach reaches the stream of an installation, running or not.
func (f natsFlags) attach(ctx context.Context, d dataFlag, log *slog.Logger) (*installation.Attachment, error) {
	if f.external() {
		cfg, err := f.config(log)
		if err != nil {
			return nil, err
		}
		a, err := installation.AttachTo(ctx, cfg)
		return a, f.explain(err)
	}
	dir, err := d.dir()
	if err != nil {
		return nil, err
	}
	a, err := installation.Attach(ctx, dir, log)
	if errors.Is(err, installation.ErrNotSetUp) {
		// Only who reads from another server has tables and no stream.
		if _, none := dir.Database().Current(); none == nil {
			return nil, advise(fmt.Errorf("%w by a server of its own, and %s is there: it belongs to an installation on an external NATS server", err, dir.Database().Link),
				"the same command with --nats URL, which names that server")
		}
	}
	return a, err
}

// words are the flags as they have to be given again, with a space before each. The
// servers' addresses may hold a password, which is nobody's to repeat.
func (f natsFlags) words() string {
	var b strings.Builder
	for _, u := range f.Nats {
		if parsed, err := url.Parse(u); err == nil && parsed.User != nil {
			b.WriteString(" --nats URL")
			continue
		}
		b.WriteString(" --nats " + shell(u))
	}
	for _, flag := range []struct{ name, value string }{
		{"user", f.NatsUser}, {"password-file", f.NatsPasswordFile}, {"token-file", f.NatsTokenFile}, {"nkey", f.NatsNkey},
		{"creds", f.NatsCreds}, {"ca", f.NatsCa}, {"cert", f.NatsCert}, {"key", f.NatsKey},
	} {
		if flag.value != "" {
			b.WriteString(" --nats-" + flag.name + " " + shell(flag.value))
		}
	}
	return b.String()
}

// secret reads a file that holds one secret.
func secret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", advise(fmt.Errorf("read secret: %w", err), "name a file that can be read and holds the secret alone")
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// portFlags move the embedded server's ports.
type portFlags struct {
	NatsPort    port `help:"Client port on 127.0.0.1: a number, 0 for any free one, off for none." default:"${natsport}" env:"ROSEY_NATS_PORT" placeholder:"PORT"`
	MonitorPort port `help:"Monitoring port on 127.0.0.1: a number, 0 for any free one, off for none." default:"${monitorport}" env:"ROSEY_MONITOR_PORT" placeholder:"PORT"`
}

func (f portFlags) server(dir installation.Dir, log *slog.Logger) installation.ServerConfig {
	return installation.ServerConfig{
		Dir: dir, Port: f.NatsPort.number(), NoListen: f.NatsPort == portOff,
		MonitorPort: f.MonitorPort.number(), NoMonitor: f.MonitorPort == portOff, Logger: log,
		KeepTables: true,
	}
}

// port is a TCP port as a person writes it.
type port int

const portOff port = -1

// UnmarshalText reads a number or "off".
func (p *port) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*p = portOff
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is no port: give a number up to 65535, 0 for any free one, or off", text)
	}
	*p = port(n)
	return nil
}

func (p port) number() int {
	if p == 0 {
		return embedded.AnyPort
	}
	return max(int(p), 0)
}

// channelFlags name the channel and as whom to sit in it.
type channelFlags struct {
	URL                 string `arg:"" name:"url" help:"The channel's page, such as https://cytu.be/r/yourchannel." env:"ROSEY_CHANNEL_URL"`
	Username            string `help:"Name to log in with. Without one the bot stays anonymous." env:"ROSEY_USERNAME" placeholder:"NAME"`
	Password            string `kong:"-"`
	PasswordFile        string `help:"File with the account's password; or set ROSEY_PASSWORD. Without one a guest." env:"ROSEY_PASSWORD_FILE" type:"path" placeholder:"FILE"`
	ChannelPasswordFile string `help:"File with the channel's password; or set ROSEY_CHANNEL_PASSWORD." env:"ROSEY_CHANNEL_PASSWORD_FILE" type:"path" placeholder:"FILE"`
	Wait                bool   `help:"Keep trying when the site cannot be reached at the first start." env:"ROSEY_WAIT"`
}

// secrets reads what may not stand on a command line.
func (f channelFlags) secrets() (password, channelPassword string, err error) {
	password, channelPassword = os.Getenv("ROSEY_PASSWORD"), os.Getenv("ROSEY_CHANNEL_PASSWORD")
	if f.PasswordFile != "" {
		if password, err = secret(f.PasswordFile); err != nil {
			return "", "", err
		}
	}
	if f.ChannelPasswordFile != "" {
		if channelPassword, err = secret(f.ChannelPasswordFile); err != nil {
			return "", "", err
		}
	}
	return password, channelPassword, nil
}

// forFlag ends a command by itself.
type forFlag struct {
	For time.Duration `help:"End orderly after this long, such as 20s or 2h." env:"ROSEY_FOR" placeholder:"DURATION"`
}

// Validate refuses what cannot be meant; the parser calls it.
func (f forFlag) Validate() error {
	if f.For < 0 {
		return fmt.Errorf("--for: %s is no time to run for", f.For)
	}
	return nil
}

func (f forFlag) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.For <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, f.For)
}

// spoolFlag bounds the spool.
type spoolFlag struct {
	SpoolMax spoolSize `help:"How large the spool may grow in an outage. Once it is full the bot leaves the channel until there is room." default:"4GiB" env:"ROSEY_SPOOL_MAX" placeholder:"SIZE"`
}

// leastSpool has room for what a channel with a playlist of thousands sends at a
// join.
const leastSpool = 64 << 20

// spoolSize is a size with room for one join.
type spoolSize size

// UnmarshalText reads a number with or without a unit.
func (s *spoolSize) UnmarshalText(text []byte) error {
	var n size
	if err := n.UnmarshalText(text); err != nil {
		return err
	}
	if n < leastSpool {
		return fmt.Errorf("%s is too little for what a channel sends at a join: give 64MiB or more", text)
	}
	*s = spoolSize(n)
	return nil
}
