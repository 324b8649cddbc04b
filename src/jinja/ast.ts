// The nodes of a parsed template, as the parser library makes them. Types only.

interface Operator {
	value: string;
}

export type Parameter = Identifier | KeywordArgument;
export type Filter = Identifier | Call;

export interface Identifier {
	type: "Identifier";
	value: string;
}

interface KeywordArgument {
	type: "KeywordArgumentExpression";
	key: Identifier;
	value: Node;
}

export interface Call {
	type: "CallExpression";
	callee: Node;
	args: Node[];
}

interface Slice {
	type: "SliceExpression";
	start: Node | undefined;
	stop: Node | undefined;
	step: Node | undefined;
}

interface Select {
	type: "SelectExpression";
	lhs: Node;
	test: Node;
}

export interface Member {
	type: "MemberExpression";
	object: Node;
	property: Node;
	computed: boolean;
}

export interface For {
	type: "For";
	loopvar: Identifier | List;
	iterable: Node;
	body: Node[];
	defaultBlock: Node[];
}

export interface SetNode {
	type: "Set";
	assignee: Node;
	value: Node | null;
	body: Node[];
}

interface Macro {
	type: "Macro";
	name: Identifier;
	args: Parameter[];
	body: Node[];
}

export interface CallBlock {
	type: "CallStatement";
	call: Call;
	callerArgs: Parameter[] | null;
	body: Node[];
}

export interface List {
	type: "ArrayLiteral" | "TupleLiteral";
	value: Node[];
}

export interface Binary {
	type: "BinaryExpression";
	operator: Operator;
	left: Node;
	right: Node;
}

export type Node =
	| Identifier
	| KeywordArgument
	| Call
	| Slice
	| Select
	| Member
	| For
	| SetNode
	| Macro
	| CallBlock
	| List
	| Binary
	| { type: "If"; test: Node; body: Node[]; alternate: Node[] }
	| { type: "Break" | "Continue" }
	| { type: "Comment"; value: string }
	| { type: "IntegerLiteral" | "FloatLiteral"; value: number }
	| { type: "StringLiteral"; value: string }
	| { type: "ObjectLiteral"; value: Map<Node, Node> }
	| { type: "FilterExpression"; operand: Node; filter: Filter }
	| { type: "FilterStatement"; filter: Filter; body: Node[] }
	| { type: "TestExpression"; operand: Node; negate: boolean; test: Identifier }
	| { type: "UnaryExpression"; operator: Operator; argument: Node }
	| { type: "SpreadExpression" | "KeywordSpreadExpression"; argument: Node }
	| { type: "Ternary"; condition: Node; trueExpr: Node; falseExpr: Node };
