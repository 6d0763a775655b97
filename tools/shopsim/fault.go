package shopsim

import (
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// wpError is an answer of the REST API that is not a success.
type wpError struct {
	status int
	body   *phpjson.Value
}

func (e *wpError) Error() string { return string(e.body.Bytes()) }

// fault is the usual error, whose data repeats the status.
func fault(status int, code, message string) *wpError {
	return faultWith(status, code, message, phpjson.Obj(phpjson.N("status", int64(status))))
}

// faultWith is an error with data of its own; refunds put a bare number there.
func faultWith(status int, code, message string, data *phpjson.Value) *wpError {
	return &wpError{status: status, body: phpjson.Obj(phpjson.T("code", code), phpjson.T("message", message), phpjson.F("data", data))}
}

// problems collects what is wrong with the parameters of one request.
type problems struct {
	names   []string
	params  []phpjson.Field
	details []phpjson.Field
}

func (p *problems) add(name, code, message string, data *phpjson.Value) {
	p.names = append(p.names, name)
	p.params = append(p.params, phpjson.T(name, message))
	p.details = append(p.details, phpjson.F(name, phpjson.Obj(phpjson.T("code", code), phpjson.T("message", message), phpjson.F("data", data))))
}

// notType says that a parameter has the wrong type.
func (p *problems) notType(name, want string) {
	p.add(name, "rest_invalid_type", name+" is not of type "+want+".", phpjson.Obj(phpjson.T("param", name)))
}

// notOneOf says that a parameter is outside its list; label is how the message
// names it.
func (p *problems) notOneOf(name, label string, allowed []string) {
	last := len(allowed) - 1
	message := label + " is not one of " + strings.Join(allowed[:last], ", ") + ", and " + allowed[last] + "."
	p.add(name, "rest_not_in_enum", message, phpjson.NullValue())
}

// err is the error that names all problems, nil without one.
func (p *problems) err() error {
	if len(p.names) == 0 {
		return nil
	}
	return faultWith(400, "rest_invalid_param", "Invalid parameter(s): "+strings.Join(p.names, ", "), phpjson.Obj(
		phpjson.N("status", 400), phpjson.F("params", phpjson.Obj(p.params...)), phpjson.F("details", phpjson.Obj(p.details...))))
}

// missing says that required parameters are absent.
func missing(names ...string) error {
	list := phpjson.List()
	for _, n := range names {
		list.Append(phpjson.Text(n))
	}
	return faultWith(400, "rest_missing_callback_param", "Missing parameter(s): "+strings.Join(names, ", "),
		phpjson.Obj(phpjson.N("status", 400), phpjson.F("params", list)))
}
