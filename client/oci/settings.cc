// SPDX-License-Identifier: MIT OR Apache-2.0
#include "settings.h"

#include <string>
#include <toml++/toml.h>

#include "json.h"

namespace swarm {

namespace {

/** Takes the values out of a table, and says what is wrong with one by its line. */
class Reader {
    public:
	Reader(const std::filesystem::path &path, const toml::table &table)
		: path_(path), table_(table)
	{
	}

	void take(const char *key, std::filesystem::path &into)
	{
		if (const toml::node *node = find(key)) {
			const auto value = node->value_exact<std::string>();

			if (!value || value->empty() || value->front() != '/')
				throw wrong(*node, key, "must be an absolute path in quotes");
			into = *value;
		}
	}

	void take(const char *key, bool &into)
	{
		if (const toml::node *node = find(key)) {
			const auto value = node->value_exact<bool>();

			if (!value)
				throw wrong(*node, key, "must be true or false");
			into = *value;
		}
	}

	void take(const char *key, Annotations &into)
	{
		if (const toml::node *node = find(key)) {
			const auto whether = node->value_exact<bool>();

			if (!whether && node->value_exact<std::string>() != "named")
				throw wrong(*node, key, "must be true, false or \"named\"");
			into = !whether	? Annotations::named :
			       *whether ? Annotations::all :
					  Annotations::none;
		}
	}

	/** Throws if there is a key that none of the above has asked for. */
	void end() const
	{
		for (const auto &[key, node] : table_)
			if (taken_.find(" " + std::string(key.str()) + " ") == std::string::npos)
				throw wrong(node, key.str(), "is no setting; there are" + taken_);
	}

    private:
	const toml::node *find(const char *key)
	{
		taken_ += (taken_.empty() ? " " : "") + std::string(key) + " ";
		return table_.get(key);
	}

	Failure wrong(const toml::node &node, std::string_view key, const std::string &what) const
	{
		return Failure(path_.string() + ", line " + std::to_string(node.source().begin.line) +
			       ": " + std::string(key) + " " + what);
	}

	const std::filesystem::path &path_;
	const toml::table &table_;
	std::string taken_;
};

} // namespace

Settings read_settings(const std::filesystem::path &path)
{
	Settings settings;

	if (!std::filesystem::exists(path))
		return settings;
	try {
		const toml::table table = toml::parse(read_file(path), path.string());
		Reader reader(path, table);

		reader.take("runtime", settings.runtime);
		reader.take("policy", settings.policy);
		reader.take("policies", settings.policies);
		reader.take("annotations", settings.annotations);
		reader.take("fail_open", settings.fail_open);
		reader.end();
	} catch (const toml::parse_error &error) {
		throw Failure(path.string() + ", line " +
			      std::to_string(error.source().begin.line) + ": " +
			      std::string(error.description()));
	}
	return settings;
}

} // namespace swarm
